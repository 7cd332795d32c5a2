package import PipelineCore

/// What reading a job needs from outside the file.
package struct JobContext: Sendable {
    /// What `${NAME}` reads.
    package var environment: [String: String]
    /// What relative dates are counted from.
    package var now: Timestamp
    /// The kinds of destinations there are.
    package var sinks: [any Sink.Type]

    package init(environment: [String: String], now: Timestamp, sinks: [any Sink.Type]) {
        self.environment = environment
        self.now = now
        self.sinks = sinks
    }
}
