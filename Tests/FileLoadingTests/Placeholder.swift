// FileLoading
