public import PipelineCore

/// What every sink promises, as laws that a test checks one by one.
///
/// A sink's own tests run all of them:
///
/// ```swift
/// @Test(arguments: SinkConformance.Law.allCases)
/// func conforms(to law: SinkConformance.Law) async throws {
///     try await SinkConformance(export: export, open: { body in … }, rows: { … }).check(law)
/// }
/// ```
///
/// Each law needs a destination that holds nothing yet.
public struct SinkConformance: Sendable {
    /// One promise.
    public enum Law: String, CaseIterable, Sendable, CustomStringConvertible {
        case nothingIsVisibleBeforeTheCommit
        case aFailedLoadLeavesNothing
        case aFailedReloadKeepsTheOldRows
        case aCancelledLoadKeepsTheOldRows
        case aReloadReplacesTheRows
        case anEmptyWindowCommits
        case hostileValuesSurvive
        case rowsKeepTheirOrder
        case rejectedRowsCommitWithTheirWindow
        case concurrentWindowsStayApart
        case theLedgerReturnsWhatWasCommitted
        case attemptsLastUntilTheCommit
        case aReloadPlanLastsUntilTheCommit
        case anAcceptedFingerprintIsKept
        case aSecondRunIsRefused
        case aWaitingRunGetsTheLease
        case aWaitingRunCanBeCancelled
        case shardsExcludeByNumberAndCount
        case aWholeRunExcludesShards
        case aLostLeaseStopsTheCommit
        case rowsThatAreGoneAreReported
        case runScopeShowsNothingUntilTheEnd
        case anUnfinishedRunCanBeResumed
        case anotherPlanDropsWhatWasStaged
        case aReplaceChangesNothingUntilTheEnd
        case theCheckPasses

        /// The law as words.
        public var description: String {
            rawValue.reduce(into: "") { text, letter in
                text += letter.isUppercase ? " " + letter.lowercased() : "\(letter)"
            }
        }
    }

    /// What a sink under test did not do.
    public struct Failure: Error, CustomStringConvertible {
        /// The law it broke, and how.
        public var description: String
    }

    let export: ExportID
    let open: @Sendable (_ body: (any Sink) async throws -> Void) async throws -> Void
    let rows: @Sendable () async throws -> [[String?]]
    let rejected: (@Sendable () async throws -> [Reject])?
    let removeRows: (@Sendable (Window) async throws -> Void)?
    let breakLease: (@Sendable () async throws -> Void)?

    /// A sink under test, over a destination that holds nothing.
    ///
    /// - Parameters:
    ///   - export: The export whose rows are loaded.
    ///   - open: Opens the sink for the time of the body; every call is a sink of its own over the same destination.
    ///   - rows: Reads the export's rows as any reader would, in any order of windows; a cell is text, or nil for null.
    ///   - rejected: Reads the export's rejected rows, in any order; nil where the destination has no place for them, and
    ///     then it must refuse them.
    ///   - removeRows: Takes the rows of a window away behind the sink's back; nil where its destination has no such way.
    ///   - breakLease: Takes the lease from the run that holds it; nil where nobody can.
    public init(
        export: ExportID = ExportID(job: "conformance", export: "rows"),
        open: @escaping @Sendable (_ body: (any Sink) async throws -> Void) async throws -> Void,
        rows: @escaping @Sendable () async throws -> [[String?]],
        rejected: (@Sendable () async throws -> [Reject])? = nil,
        removeRows: (@Sendable (Window) async throws -> Void)? = nil,
        breakLease: (@Sendable () async throws -> Void)? = nil
    ) {
        self.export = export
        self.open = open
        self.rows = rows
        self.rejected = rejected
        self.removeRows = removeRows
        self.breakLease = breakLease
    }

    /// Checks one law.
    ///
    /// - Throws: `Failure` where the sink breaks it, or the error of the sink.
    public func check(_ law: Law) async throws {
        switch law {
        case .nothingIsVisibleBeforeTheCommit: try await nothingIsVisibleBeforeTheCommit()
        case .aFailedLoadLeavesNothing: try await aFailedLoadLeavesNothing()
        case .aFailedReloadKeepsTheOldRows: try await aFailedReloadKeepsTheOldRows()
        case .aCancelledLoadKeepsTheOldRows: try await aCancelledLoadKeepsTheOldRows()
        case .aReloadReplacesTheRows: try await aReloadReplacesTheRows()
        case .anEmptyWindowCommits: try await anEmptyWindowCommits()
        case .hostileValuesSurvive: try await hostileValuesSurvive()
        case .rowsKeepTheirOrder: try await rowsKeepTheirOrder()
        case .rejectedRowsCommitWithTheirWindow: try await rejectedRowsCommitWithTheirWindow()
        case .concurrentWindowsStayApart: try await concurrentWindowsStayApart()
        case .theLedgerReturnsWhatWasCommitted: try await theLedgerReturnsWhatWasCommitted()
        case .attemptsLastUntilTheCommit: try await attemptsLastUntilTheCommit()
        case .aReloadPlanLastsUntilTheCommit: try await aReloadPlanLastsUntilTheCommit()
        case .anAcceptedFingerprintIsKept: try await anAcceptedFingerprintIsKept()
        case .aSecondRunIsRefused: try await aSecondRunIsRefused()
        case .aWaitingRunGetsTheLease: try await aWaitingRunGetsTheLease()
        case .aWaitingRunCanBeCancelled: try await aWaitingRunCanBeCancelled()
        case .shardsExcludeByNumberAndCount: try await shardsExcludeByNumberAndCount()
        case .aWholeRunExcludesShards: try await aWholeRunExcludesShards()
        case .aLostLeaseStopsTheCommit: try await aLostLeaseStopsTheCommit()
        case .rowsThatAreGoneAreReported: try await rowsThatAreGoneAreReported()
        case .runScopeShowsNothingUntilTheEnd: try await runScopeShowsNothingUntilTheEnd()
        case .anUnfinishedRunCanBeResumed: try await anUnfinishedRunCanBeResumed()
        case .anotherPlanDropsWhatWasStaged: try await anotherPlanDropsWhatWasStaged()
        case .aReplaceChangesNothingUntilTheEnd: try await aReplaceChangesNothingUntilTheEnd()
        case .theCheckPasses: try await theCheckPasses()
        }
    }
}

// MARK: - What the laws are written with

extension SinkConformance {
    typealias Rows = [[String?]]

    /// An error of a body, which the sink must hand on unchanged.
    struct Injected: Error {}

    static let schema = Schema([
        Column(name: "id", type: .text), Column(name: "note", type: .text), Column(name: "amount", type: .decimal(nil)),
    ])

    /// Week `number` of 2024, counted from 0.
    static func week(_ number: Int, account: String? = nil) -> Window {
        let start = Day(number: 19_723 + 7 * number)
        let days = DateRange(start, start.advanced(by: 6)) ?? DateRange(start)
        return Window(
            id: WindowID(Int64(number + 1) &* 0x1234_5678_9ABC_DEF1 ^ Int64(account?.utf8.count ?? 0)),
            cell: .days(days),
            account: account
        )
    }

    static func sampleRows(_ window: Window, count: Int = 3, note: String = "first") -> Rows {
        (0..<count).map { ["\(window.cell)#\($0)", note, "\($0).50"] }
    }

    /// A plan over `windows` that no earlier plan of the law differs from, unless the law says so.
    static func plan(
        _ windows: [Window],
        fingerprint: String = "f1",
        reload: [WindowID] = [],
        accepted: [WindowID] = [],
        replacesAll: Bool = false
    ) -> RunPlan {
        RunPlan(
            windows: windows,
            range: DateRange(Day(number: 19_723), Day(number: 19_723 + 363)),
            fingerprint: fingerprint,
            layout: Layout(size: "week", perAccount: false),
            reload: reload,
            accepted: accepted,
            replacesAll: replacesAll,
            createdAt: Timestamp(milliseconds: 1_718_000_000_000)
        )
    }

    func request(_ runID: String = "run-1", shard: String? = nil, waits: Bool = false) -> RunRequest {
        RunRequest(export: export, runID: runID, shard: shard.flatMap(Shard.init), waits: waits)
    }

    func checkpoint(_ window: Window, _ rows: Int, runID: String = "run-1") -> Checkpoint {
        Checkpoint(window, of: export, rows: rows, schema: Self.schema, runID: runID)
    }

    /// Loads `rows` into `window`, two batches to a window so that there is more than one block.
    @discardableResult func load(
        _ run: any SinkRun,
        _ window: Window,
        _ rows: Rows,
        runID: String = "run-1",
        escaping: Bool = false
    ) async throws -> Checkpoint {
        try await run.load(Load(window: window, schema: Self.schema)) { session in
            try await write(rows, to: session, escaping: escaping)
            return checkpoint(window, rows.count, runID: runID)
        }
    }

    func write(_ rows: Rows, to session: any LoadSession, escaping: Bool = false) async throws {
        let middle = rows.count / 2
        for part in [0..<middle, middle..<rows.count] where !part.isEmpty {
            let batch = Batch(Self.schema, rows: Array(rows[part]), firstRow: part.lowerBound, escaping: escaping)
            try await session.write(session.encode(batch))
        }
    }

    /// One run that loads every window given and says it is complete.
    func commit(_ contents: [(window: Window, rows: Rows)], runID: String = "run-1") async throws {
        try await open { sink in
            try await sink.withRun(request(runID)) { run in
                try await run.begin(Self.plan(contents.map(\.window)))
                for (window, rows) in contents { try await load(run, window, rows, runID: runID) }
                return true
            }
        }
    }

    func expect(_ condition: Bool, _ text: @autoclosure () -> String) throws {
        if !condition { throw Failure(description: text()) }
    }

    /// Compares what a reader sees with `wanted`, whatever the order of rows.
    func expectRows(_ wanted: Rows, _ moment: String) async throws {
        let found = try await rows()
        try expect(
            found.map(\.debugDescription).sorted() == wanted.map(\.debugDescription).sorted(),
            "\(moment): a reader sees \(found.prefix(8)) (\(found.count) rows), not \(wanted.prefix(8)) (\(wanted.count))"
        )
    }

    func expectRefusal(
        _ code: SinkError.Code,
        _ moment: String,
        _ body: () async throws -> Void
    ) async throws {
        do {
            try await body()
        } catch let error as SinkError {
            try expect(error.code == code, "\(moment): expected \(code), got \(error.code): \(error)")
            try expect(!error.description.isEmpty, "\(moment): the error says nothing")
            return
        }
        throw Failure(description: "\(moment): expected \(code), but nothing was refused")
    }

    /// Whether the sink makes windows visible one by one.
    func commitsWindows() async throws -> Bool {
        var result = false
        try await open { result = $0.scope == .window }
        return result
    }
}
