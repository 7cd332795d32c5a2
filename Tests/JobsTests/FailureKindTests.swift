import PipelineCore
import SupermetricsAPI
import Testing

@testable import Extraction
@testable import Jobs

@Suite("Exit codes")
struct FailureKindTests {
    @Test(
        "The code of a run that failed for one cause alone",
        arguments: [
            (.unexpected, 1), (.usage, 2), (.authentication, 3), (.source, 5), (.destination, 6), (.quota, 7),
            (.refused, 8), (.locked, 9),
        ] as [(FailureKind, Int32)]
    )
    func alone(kind: FailureKind, code: Int32) {
        #expect(FailureKind.exitCode(failures: [kind], somethingLoaded: false) == code)
    }

    @Test("No failure is no failure, whatever was loaded")
    func none() {
        #expect(FailureKind.exitCode(failures: [], somethingLoaded: true) == 0)
        #expect(FailureKind.exitCode(failures: [], somethingLoaded: false) == 0)
    }

    @Test(
        "3, 7 and 9 always win; else 4 where anything is loaded; else the first cause",
        arguments: FailureKind.allCases
    )
    func rules(kind: FailureKind) {
        let wins = [.authentication, .quota, .locked].contains(kind)
        #expect(FailureKind.exitCode(failures: [kind], somethingLoaded: true) == (wins ? kind.exitCode : 4))
        for other in FailureKind.allCases where ![.authentication, .quota, .locked].contains(other) {
            let both = [other, kind]
            #expect(FailureKind.exitCode(failures: both, somethingLoaded: true) == (wins ? kind.exitCode : 4))
            #expect(
                FailureKind.exitCode(failures: both, somethingLoaded: false) == (wins ? kind.exitCode : other.exitCode)
            )
        }
    }

    @Test("The first of two causes that always win decides")
    func twoWinners() {
        #expect(FailureKind.exitCode(failures: [.source, .locked, .authentication], somethingLoaded: true) == 9)
        #expect(FailureKind.exitCode(failures: [.quota, .locked], somethingLoaded: false) == 7)
    }
}

@Suite("Failures of errors")
struct FailureOfTests {
    static func api(_ kind: SupermetricsError.Kind, _ message: String = "it broke", id: String? = nil)
        -> SupermetricsError
    {
        var error = SupermetricsError(kind, message)
        error.requestID = id
        return error
    }

    /// A refusal that the API names.
    static func refusal(_ code: String) -> SupermetricsError {
        var error = api(.permission)
        (error.statusCode, error.code) = (403, code)
        return error
    }

    static let kinds: [(any Error, FailureKind)] = [
        (refusal("ACCESS_DENIED"), .authentication), (refusal("LICENSE_HISTORICAL_RANGE_EXCEEDED"), .quota),
        (refusal("LICENSE_EXPIRED"), .quota),
        (api(.authentication), .authentication), (api(.permission), .authentication), (api(.quota(.daily)), .quota),
        (api(.quota(.monthly)), .quota), (api(.quota(.licence)), .quota), (api(.client), .usage),
        (api(.network), .source), (api(.timeout), .source), (api(.server), .source), (api(.rateLimit), .source),
        (api(.query), .source), (api(.validation), .source), (api(.protocolViolation), .source),
        (ExtractionError(.incomplete, "x"), .refused), (ExtractionError(.unsupported, "x"), .refused),
        (ExtractionError(.clock, "x"), .usage), (StageError(.schema, "x"), .usage), (StageError(.data, "x"), .refused),
        (Refusal("x"), .refused), (JobFileError("x", at: JobLocation("job.yaml")), .usage),
        (PlanError.noAccounts(ExportID(job: "j", export: "e")), .usage), (SinkError(.configuration, "x"), .usage),
        (SinkError(.destination, "x"), .destination), (SinkError(.locked, "x"), .locked),
        (SinkError(.leaseLost, "x"), .locked), (SinkError(.schema, "x"), .refused), (SinkError(.value, "x"), .refused),
        (ScriptedRun.Broken(text: "x"), .unexpected),
    ]

    @Test("Every error has its kind", arguments: kinds.indices)
    func kind(index: Int) throws {
        let (error, kind) = Self.kinds[index]
        let failure = try #require(Failure(error))
        #expect(failure.kind == kind)
        #expect(failure.message.hasPrefix("\(error)"))
        #expect(failure.message.contains("bug") == (kind == .unexpected))
    }

    @Test("A cancellation is no failure of what was cancelled")
    func cancelled() {
        #expect(Failure(CancellationError()) == nil)
        #expect(Failure(Self.api(.cancelled)) == nil)
    }

    @Test("What every other window would meet too stops the run")
    func stops() {
        #expect(Failure.stopsRun(Self.api(.authentication)))
        #expect(Failure.stopsRun(Self.api(.quota(.daily))))
        #expect(Failure.stopsRun(ExtractionError(.clock, "x")))
        #expect(!Failure.stopsRun(Self.api(.permission)))
        #expect(!Failure.stopsRun(Self.api(.network)))
        #expect(!Failure.stopsRun(ExtractionError(.incomplete, "x")))
        #expect(!Failure.stopsRun(SinkError(.destination, "x")))
    }

    /// Errors of two windows, and whether they are one cause.
    static let pairs: [(any Error, any Error, Bool)] = [
        (api(.query, id: "r1"), api(.query, id: "r2"), true), (api(.query, "a"), api(.query, "b"), false),
        (api(.query, "account 1 (see (x))", id: "r1"), api(.query, "account 1 (see (x))", id: "r2"), true),
        (api(.query, "account 1"), api(.query, "account 2"), false), (api(.query), api(.permission), false),
        (
            ExtractionError(.incomplete, "only 3 of 70 announced rows came", requestID: "r1"),
            ExtractionError(.incomplete, "only 12 of 9 announced rows came", requestID: "r22"), true
        ),
        (
            Refusal(
                "window 2024-01-01..2024-01-07, row 3, column cost: not a number",
                cause: "column cost: not a number"
            ),
            Refusal(
                "window 2024-01-08..2024-01-14, row 4, column cost: not a number",
                cause: "column cost: not a number"
            ),
            true
        ),
        (Refusal("a", cause: "column cost: x"), Refusal("a", cause: "column day: x"), false),
        (
            SinkError(.destination, "out/window=2024-01-01..2024-01-07/part-0.csv: no space left"),
            SinkError(.destination, "out/window=2024-12-30..2025-01-05/part-0.csv: no space left"), true
        ),
        (SinkError(.destination, "x: no space left"), SinkError(.destination, "x: permission denied"), false),
    ]

    @Test("Failures of one cause are told by what does not differ from window to window", arguments: pairs.indices)
    func causes(index: Int) throws {
        let (left, right, isSame) = Self.pairs[index]
        let (first, second) = (try #require(Failure(left)), try #require(Failure(right)))
        #expect((first.kind == second.kind && first.cause == second.cause) == isSame)
    }
}
