import Jobs

/// Ends a command with a message on standard error and an exit code.
struct CommandFailure: Error, CustomStringConvertible {
    var kind: FailureKind
    var message: String

    /// A failure with the exit code of its kind.
    init(_ kind: FailureKind, _ message: String) {
        self.kind = kind
        self.message = message
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

    var exitCode: Int32 { kind.exitCode }

    var description: String { message }
}
