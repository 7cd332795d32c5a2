/// The causes a run can fail for, each with the exit code that a user's script reads.
public enum FailureKind: String, Sendable, Codable, CaseIterable {
    /// A bug.
    case unexpected
    /// Flags, job file or a stale fingerprint.
    case usage
    /// Authentication or permission.
    case authentication
    /// API or network.
    case source
    /// The destination failed.
    case destination
    /// A quota or licence limit that waiting a moment does not lift.
    case quota
    /// The data were refused: bad rows, incomplete, empty, shrunk, sampled, another schema.
    case refused
    /// Another run holds the lease.
    case locked

    /// The exit code of a run that failed for this cause alone.
    public var exitCode: Int32 {
        switch self {
        case .unexpected: 1
        case .usage: 2
        case .authentication: 3
        case .source: 5
        case .destination: 6
        case .quota: 7
        case .refused: 8
        case .locked: 9
        }
    }

    /// Whether this cause decides the exit code whatever else was loaded or failed.
    var alwaysWins: Bool { self == .authentication || self == .quota || self == .locked }

    /// The exit code of a run: 0 without failures; a cause that always wins; 4 where something is loaded all the same;
    /// else the first cause.
    public static func exitCode(failures: [FailureKind], somethingLoaded: Bool) -> Int32 {
        guard let first = failures.first else { return 0 }
        if let winner = failures.first(where: \.alwaysWins) { return winner.exitCode }
        return somethingLoaded ? 4 : first.exitCode
    }
}
