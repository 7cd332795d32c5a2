import Jobs

/// Ends a command with a message on standard error and an exit code.
struct CommandFailure: Error, CustomStringConvertible {
    var message: String
    var exitCode: Int32

    /// A failure with the exit code of its kind.
    init(_ kind: FailureKind, _ message: String) {
        self.message = message
        exitCode = kind.exitCode
    }

    /// The failure an error of the libraries stands for.
    init(_ error: any Error) {
        if let failure = error as? CommandFailure {
            self = failure
        } else {
            let failure = Failure(error) ?? Failure(.unexpected, "interrupted")
            self.init(failure.kind, failure.message)
        }
    }

    var description: String { message }
}
