import Jobs

/// Ends a command with a message on standard error and an exit code.
struct CommandFailure: Error {
    var message: String
    var exitCode: Int32

    /// A failure with the exit code of its kind.
    init(_ kind: FailureKind, _ message: String) {
        self.message = message
        exitCode = kind.exitCode
    }
}
