/// One mistake of a job: where it is, what is wrong, what is expected instead.
package struct JobMistake: Hashable, Sendable, CustomStringConvertible {
    /// Where it was written.
    package var location: JobLocation
    /// What is wrong and what to do; never a value that came from outside the file.
    package var message: String

    package init(_ message: String, at location: JobLocation) {
        self.location = location
        self.message = message
    }

    /// `nightly.yaml:12:5: unknown key …`.
    package var description: String { "\(location): \(message)" }
}

/// Every mistake found in one job, in the order of the file.
package struct JobFileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The mistakes, at least one.
    package let mistakes: [JobMistake]

    package init(_ mistakes: [JobMistake]) {
        let ordered = mistakes.enumerated().sorted { left, right in
            let (one, other) = (left.element.location, right.element.location)
            return (one.line ?? 0, one.column ?? 0, left.offset) < (other.line ?? 0, other.column ?? 0, right.offset)
        }
        var seen: Set<JobMistake> = []
        self.mistakes = ordered.map(\.element).filter { seen.insert($0).inserted }
    }

    package init(_ message: String, at location: JobLocation) { self.init([JobMistake(message, at: location)]) }

    /// One line per mistake.
    package var description: String { mistakes.map(\.description).joined(separator: "\n") }
}
