package import PipelineCore

/// Checks and opens the destinations of an export, without knowing any of them.
enum SinkOptionsCheck {
    /// What is wrong with the options of one entry.
    static func mistakes<S: Sink>(of entry: SinkEntry, for sink: S.Type) -> [JobMistake] {
        // A value that could not be read is known already; decoding would complain about it again.
        guard !entry.options.holdsUnresolved else { return [] }
        var entry = entry
        var mistakes: [JobMistake] = []
        // Decoding stops at the first value that does not fit; without it, it goes on to the next.
        while true {
            do throws(JobFileError) {
                _ = try SinkOptionsDecoder.decode(entry, for: sink)
                return mistakes
            } catch {
                let isFirst = mistakes.isEmpty
                let culprit = entry.options.members.firstIndex { member in
                    error.mistakes.contains { member.holds($0.location) }
                }
                // Once a value was taken out, a missing one may be just that one.
                if isFirst || culprit != nil { mistakes += error.mistakes }
                guard let culprit, error.mistakes.count == 1 else { return mistakes }
                var rest = entry.options.members
                rest.remove(at: culprit)
                entry.options.content = .map(rest)
            }
        }
    }
}

extension JobMember {
    /// Whether a place lies in this member; flags have no places of their own.
    fileprivate func holds(_ place: JobLocation) -> Bool {
        place.line != nil && (location == place || value.holds(place))
    }
}

extension JobNode {
    fileprivate var holdsUnresolved: Bool {
        isUnresolved || members.contains { $0.value.holdsUnresolved }
            || (elements ?? []).contains { $0.holdsUnresolved }
    }
}

/// Opens every destination of `entries` for the time of `body`.
///
/// - Parameters:
///   - entries: The entries of `into:`, in the order of the job.
///   - installed: The kinds of destinations there are.
///   - leaveOut: Told why a destination cannot be reached, which then is not among the sinks; nil to fail instead.
///   - body: Uses the sinks, in the order of the entries.
/// - Returns: What `body` returns.
/// - Throws: `JobFileError` where an entry's options cannot be read, what a sink throws when it cannot be opened, else
///   what `body` throws.
package func withSinks<R>(
    _ entries: [SinkEntry],
    installed: [any Sink.Type],
    leavingOut leaveOut: ((SinkError) -> Void)? = nil,
    _ body: ([any Sink]) async throws -> R
) async throws -> R {
    try await openSinks(entries[...], installed, leaveOut, opened: [], body)
}

private func openSinks<R>(
    _ entries: ArraySlice<SinkEntry>,
    _ installed: [any Sink.Type],
    _ leaveOut: ((SinkError) -> Void)?,
    opened: [any Sink],
    _ body: ([any Sink]) async throws -> R
) async throws -> R {
    guard let entry = entries.first else { return try await body(opened) }
    guard let type = installed.first(where: { $0.kind == entry.kind }) else {
        throw JobFileError("this build of sluice has no '\(entry.kind)' destination", at: entry.location)
    }
    var isOpen = false
    func open<S: Sink>(_ type: S.Type) async throws -> R {
        try await S.withSink(try SinkOptionsDecoder.decode(entry, for: type)) { sink in
            isOpen = true
            return try await openSinks(entries.dropFirst(), installed, leaveOut, opened: opened + [sink], body)
        }
    }
    do {
        return try await open(type)
    } catch let error as SinkError where !isOpen && error.code == .destination {
        guard let leaveOut else { throw error }
        leaveOut(error)
        return try await openSinks(entries.dropFirst(), installed, leaveOut, opened: opened, body)
    }
}
