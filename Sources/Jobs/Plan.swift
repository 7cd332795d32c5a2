package import PipelineCore

/// What a run will do for one export: which windows it fetches, into which sinks, and why.
package struct Plan: Sendable {
    /// What happens to one window.
    package enum Decision: Hashable, Sendable {
        /// It is fetched. A window has a second fetch only where two sinks need it for different days.
        case fetch(WindowFetch)
        /// It is left as it is.
        case skip(WindowSkip)
    }

    /// The windows of this run, in row order.
    package var decisions: [Decision]
    /// For each sink what to hand its run's `begin`; nil where the sink takes no part in this run.
    package var runs: [RunPlan?]
    /// Windows loaded earlier that are no longer wanted; their rows stay.
    package var outside: [Window]
    /// Accounts loaded earlier that are no longer wanted; their rows stay.
    package var removedAccounts: [String]

    /// The windows to fetch, in row order.
    package var fetches: [WindowFetch] {
        decisions.compactMap { if case .fetch(let fetch) = $0 { fetch } else { nil } }
    }

    /// The windows left as they are, in row order.
    package var skips: [WindowSkip] {
        decisions.compactMap { if case .skip(let skip) = $0 { skip } else { nil } }
    }
}

/// One window to fetch once and to load into one or more sinks.
package struct WindowFetch: Hashable, Sendable {
    /// One sink that takes the rows.
    package struct Target: Hashable, Sendable {
        /// The sink's place in the planner's input.
        package var sink: Int
        /// Why it needs the window.
        package var reason: FetchReason
        /// What it holds of the window now.
        package var previous: Checkpoint?
    }

    /// The window.
    package var window: Window
    /// The days to ask for; nil where the query has none.
    package var days: DateRange?
    /// The accounts to ask for; empty where the source has none.
    package var accounts: [String]
    /// The sinks that take the rows, at least one.
    package var targets: [Target]
    /// Whether an answer out of the API's cache would be too old.
    package var fresh: Bool
    /// A query of an earlier run for the same rows that may still be there to be taken over.
    package var attach: Attempt?
}

/// One window left as it is.
package struct WindowSkip: Hashable, Sendable {
    /// The window.
    package var window: Window
    /// Why nothing is to be done, by the first sink that knows the window.
    package var reason: SkipReason
}

/// Why a window is fetched; its text completes "fetched because".
package enum FetchReason: Hashable, Sendable, CustomStringConvertible {
    /// The destination does not hold it.
    case new
    /// Days are wanted that it does not cover.
    case rangeGrew(covered: DateRange?, wanted: DateRange)
    /// Accounts are wanted that it does not cover.
    case accountsAdded([String])
    /// Its rows are no longer in the destination.
    case rowsGone
    /// It was fetched before its days settled, which they do at this time; nil where the query has no days.
    case notSettled(Timestamp?)
    /// It was settled, but by the lookback of today its days settle only at this time.
    case lookbackRaised(Timestamp)
    /// The user asked for it.
    case reload
    /// The user asked for it in an earlier run, which did not get to it.
    case reloadResumed
    /// It was loaded under another fingerprint, and the user asked for such windows.
    case stale
    /// The export is cut or loaded in another way than before; everything is replaced in one step.
    case layoutChanged
    /// Every run loads everything that the destination shows.
    case whole

    /// Whether the user asked for newer rows than a settled window has.
    package var isReload: Bool {
        switch self {
        case .reload, .reloadResumed, .stale, .layoutChanged: true
        case .new, .rangeGrew, .accountsAdded, .rowsGone, .notSettled, .lookbackRaised, .whole: false
        }
    }

    /// Whether a query sent before this run may answer it: not where the user asked for everything anew.
    var mayAttach: Bool {
        switch self {
        case .reload, .reloadResumed, .layoutChanged: false
        case .new, .rangeGrew, .accountsAdded, .rowsGone, .notSettled, .lookbackRaised, .stale, .whole: true
        }
    }

    /// One word for machines: `new`, `range_grew`, ….
    package var code: String {
        switch self {
        case .new: "new"
        case .rangeGrew: "range_grew"
        case .accountsAdded: "accounts_added"
        case .rowsGone: "rows_gone"
        case .notSettled: "not_settled"
        case .lookbackRaised: "lookback_raised"
        case .reload: "reload"
        case .reloadResumed: "reload_resumed"
        case .stale: "stale"
        case .layoutChanged: "layout_changed"
        case .whole: "whole"
        }
    }

    /// The reason for a person.
    package var description: String {
        switch self {
        case .new: "it is not loaded yet"
        case .rangeGrew(let covered?, let wanted): "it covers \(covered) and \(wanted) is wanted"
        case .rangeGrew(nil, let wanted): "it covers no days and \(wanted) is wanted"
        case .accountsAdded(let accounts): "it does not cover account \(accounts.joined(separator: ", "))"
        case .rowsGone: "its rows are gone from the destination"
        case .notSettled(let time?): "it was loaded before its days settled (\(time))"
        case .notSettled(nil): "the query has no dates, so its rows never settle"
        case .lookbackRaised(let time): "the lookback was raised and its days settle at \(time)"
        case .reload: "a reload was asked for"
        case .reloadResumed: "an earlier reload did not get to it"
        case .stale: "it was loaded with another query, stages, columns or contract"
        case .layoutChanged: "window size, per_account, mode or key changed, so everything is loaded again"
        case .whole: "every run loads all windows of this destination"
        }
    }
}

/// Why a window is left as it is; its text completes "skipped because".
package enum SkipReason: Hashable, Sendable, CustomStringConvertible {
    /// It covers what is wanted and is settled.
    case settled
    /// It is settled under another fingerprint, and the user keeps it so.
    case acceptedStale
    /// `append` has inserted it and does not touch it again.
    case appendLoaded
    /// `append` inserts it once its days have settled, at this time.
    case appendWaits(Timestamp)
    /// A run that was begun less than 24 h ago and did not finish has loaded it.
    case staged

    /// One word for machines: `settled`, `accepted_stale`, ….
    package var code: String {
        switch self {
        case .settled: "settled"
        case .acceptedStale: "accepted_stale"
        case .appendLoaded: "append_loaded"
        case .appendWaits: "append_waits"
        case .staged: "staged"
        }
    }

    /// The reason for a person.
    package var description: String {
        switch self {
        case .settled: "it is loaded and settled"
        case .acceptedStale: "it is loaded with another query, stages, columns or contract and --accept-stale keeps it"
        case .appendLoaded: "it is loaded, and append never touches a window again"
        case .appendWaits(let time): "append loads a window once, when its days have settled (\(time))"
        case .staged: "a run of the last 24 h that did not finish has loaded it"
        }
    }
}
