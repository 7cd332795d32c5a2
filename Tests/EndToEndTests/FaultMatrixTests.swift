import Foundation
import Sandbox
import TestSupport
import Testing

/// Everything that can go wrong with an answer, in every phase of a query: the right rows, or a clean failure.
@Suite struct FaultMatrixTests {
    /// What a fault that never stops ends in.
    enum End: Sendable {
        /// The rows of a run without faults.
        case rows
        /// This exit code, and nothing visible.
        case exit(Int32)
    }

    /// One kind of fault: what a single one ends in, and what one in every answer of a phase ends in.
    struct Kind: Sendable {
        var name: String
        var once: End
        var always: [Fault.Phase: End]
        /// How often it happens where it happens again and again.
        var amount = ""

        init(
            _ name: String,
            once: End = .rows,
            always: End,
            submit: End? = nil,
            poll: End? = nil,
            page: End? = nil,
            amount: String = ""
        ) {
            self.name = name
            self.once = once
            self.always = [.submit: submit ?? always, .poll: poll ?? always, .page: page ?? always]
            self.amount = amount
        }
    }

    static let kinds = [
        // Refusals for good: sent again, they would be refused again.
        Kind("400", once: .exit(5), always: .exit(5)), Kind("401", once: .exit(3), always: .exit(3)),
        Kind("403", once: .exit(3), always: .exit(3)), Kind("404", once: .exit(5), always: .exit(5)),
        Kind("409", once: .exit(5), always: .exit(5)), Kind("422", once: .exit(5), always: .exit(5)),
        Kind("problem", once: .exit(5), always: .exit(5)), Kind("redirect", once: .exit(5), always: .exit(5)),
        Kind("quota", once: .exit(7), always: .exit(7)), Kind("daily", once: .exit(7), always: .exit(7)),
        // What passes when asked again.
        Kind("408", always: .exit(5)), Kind("429", always: .exit(5)), Kind("500", always: .exit(5)),
        Kind("502", always: .exit(5)), Kind("503", always: .exit(5)), Kind("504", always: .exit(5)),
        Kind("html502", always: .exit(5)), Kind("error200", always: .exit(5)), Kind("string_error", always: .exit(5)),
        // A query that is not known any more is sent anew.
        Kind("not_found", always: .exit(5)),
        // Connections that break. Whatever an answer to a submission or a look says can be asked for again.
        Kind("reset", always: .exit(5)), Kind("hang", always: .exit(5)),
        Kind("cut", always: .rows, page: .exit(5)), Kind("cut_eof", always: .rows, page: .exit(5)),
        Kind("drip", always: .rows),
        // Bodies that lie.
        Kind("bad_json", always: .rows, page: .exit(5)), Kind("deep", always: .exit(5), submit: .rows),
        Kind("bomb", always: .rows),
        Kind("unknown_status", always: .exit(5), submit: .rows),
        // Rows that lie. Short pages still make the total, as long as they do not stay short; the first page has none
        // before it to repeat.
        Kind("short_page", always: .rows, amount: ":3x"), Kind("repeat_page", always: .rows, page: .exit(8)),
        Kind("changed_total", always: .exit(8), submit: .rows),
    ]

    /// Kinds that only a submission or only an answer with rows can have.
    static let failure = Kind("failure", once: .exit(5), always: .exit(5))

    struct Case: Sendable, CustomTestStringConvertible {
        var kind: Kind
        var phase: Fault.Phase
        var isOnce: Bool

        var fault: String { "\(kind.name)@\(phase.rawValue)" + (isOnce ? ":1x" : kind.amount) }
        var end: End { isOnce ? kind.once : kind.always[phase] ?? .rows }
        /// Whether the answer to the submission must carry rows for the fault to happen there.
        var needsRowsAtOnce: Bool {
            phase == .submit && ["short_page", "repeat_page", "changed_total"].contains(kind.name)
        }
        var testDescription: String { fault }
    }

    static let cases: [Case] =
        kinds.flatMap { kind in
            [Fault.Phase.submit, .poll, .page].flatMap { phase in
                [Case(kind: kind, phase: phase, isOnce: true), Case(kind: kind, phase: phase, isOnce: false)]
            }
        } + [true, false].map { Case(kind: failure, phase: .submit, isOnce: $0) }

    private static func options(_ fault: Fault?, redirectingTo origin: String? = nil) -> SandboxOptions {
        .small.with { options in
            options.rowsPerDay = 10
            options.queryTime = .milliseconds(40)
            options.latency = .milliseconds(2)
            options.retryAfter = 0
            options.redirectOrigin = origin
            options.faults = fault.map { [$0] } ?? []
        }
    }

    /// Few tries, so that what never ends is given up soon; a once-only fault needs one more.
    ///
    /// The server holds a submission back for half of the idle timeout, in whole seconds: for none where it is short.
    private static func job(isOnce: Bool, isAnsweredAtOnce: Bool = false) -> JobText {
        let idle = isAnsweredAtOnce ? "4s" : isOnce ? "1500ms" : "400ms"
        let limits = "idle_timeout: \(idle), " + (isOnce ? "max_attempts: 4" : "max_attempts: 2, query_timeout: 6s")
        return .one(api: "{poll_interval: 20ms, page_rows: 20, \(limits)}") { export in
            export.end = "2024-01-07"
            export.into = ["csv: {path: out.csv.gz}"]
        }
    }

    @Test func everyFaultInEveryPhase() async throws {
        let whole = try await withWorld(Self.options(nil)) { world in
            try await world.run(Self.job(isOnce: true))
            #expect(Set(world.sandbox.requests.map(\.phase)) == [.submit, .poll, .page], "a phase does not happen")
            return try world.folder.landed("out.csv.gz")
        }
        // Most of them wait most of the time, for a second try or for bytes that never come.
        let lanes = Turnstile(12)
        await Turnstile.worlds.enter()
        defer { Turnstile.worlds.leave() }
        try await withSandbox { foreign in
            await withTaskGroup(of: Void.self) { group in
                for testCase in Self.cases {
                    group.addTask {
                        await lanes.enter()
                        defer { lanes.leave() }
                        do {
                            try await Self.check(testCase, whole: whole, foreign: foreign.baseURL)
                        } catch {
                            Issue.record(error, "\(testCase.fault)")
                        }
                    }
                }
            }
            #expect(foreign.requests.isEmpty, "a redirect to another origin was followed")
        }
    }

    private static func check(_ testCase: Case, whole: [UInt8], foreign: String) async throws {
        let fault = try Fault(parsing: testCase.fault)
        try await withSandbox(options(fault, redirectingTo: foreign)) { sandbox in
            let world = World(sandbox, try TemporaryFolder())
            try world.folder.write(
                job(isOnce: testCase.isOnce, isAnsweredAtOnce: testCase.needsRowsAtOnce).yaml,
                to: "job.yaml"
            )
            let outcome = try await world.sluice("run", "job.yaml", "--summary", "summary.json", within: .seconds(90))
            let comment: Comment = "\(testCase.fault): exit \(outcome.exitCode ?? -1)\n\(outcome.everything)"
            switch testCase.end {
            case .rows:
                #expect(outcome.exitCode == 0, comment)
                if outcome.exitCode == 0 { #expect(try world.folder.landed("out.csv.gz") == whole, comment) }
            case .exit(let code):
                #expect(outcome.exitCode == code, comment)
                #expect(world.folder.visible() == ["job.yaml", "summary.json"], comment)
                #expect(outcome.errors.contains("error") || outcome.text.contains("failed:"), comment)
            }
            #expect(sandbox.requests.contains { $0.fault != nil }, "\(testCase.fault) never happened")
            #expect(try world.leaks() == [], comment)
        }
    }
}
