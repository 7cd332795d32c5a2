/// How long and how large an exchange may be.
struct ExchangeLimits: Sendable {
    let clock: any Clock<Duration>
    let started: Stopwatch
    /// From sending to the last byte.
    let total: Duration
    /// Until the head, and between two pieces of the body.
    let head: Duration
    let idle: Duration
    let maximumBytes: Int

    var remaining: Duration { total - started.elapsed }

    func totalExceeded(_ context: RequestContext, sent: Bool) -> SupermetricsError {
        context.timeout("no complete answer within \(total.seconds)", advice: "allow it more time", sent: sent)
    }

    func idleExceeded(_ context: RequestContext) -> SupermetricsError {
        context.timeout("the answer stopped for \(idle.seconds)", advice: "try again", sent: true)
    }

    func headExceeded(_ context: RequestContext, sent: Bool) -> SupermetricsError {
        context.timeout("no answer for \(head.seconds)", advice: "try again, or allow it more time", sent: sent)
    }
}

extension Duration {
    /// The duration in seconds, for people.
    var seconds: String {
        let (seconds, attoseconds) = components
        return attoseconds == 0 ? "\(seconds) s" : "\(Double(seconds) + Double(attoseconds) / 1e18) s"
    }
}
