import ByteCodecs
import CAllocations
import Conversion
import Foundation
import Glibc
import PipelineCore

/// Reading, converting and rendering rows on one thread, with a typical chain of stages and without any.
struct StageBenchmarks {
    let setting: Setting

    private static let rows = 400_000
    private static let chunk = 64 << 10

    /// The chain: a rename, casts of four columns, a filter that keeps nearly all, a quotient, a hash.
    private static let chain: [(String, StageArgument)] = [
        ("rename", map(["campaign": .text("campaign_name")])),
        (
            "cast",
            map([
                "impressions": .text("int64"), "clicks": .text("int64"), "cost": .text("decimal(18,6)"),
                "conversions": .text("decimal(18,2)"),
            ])
        ), ("filter", .text("impressions > 0 AND device <> 'TELEVISION'")),
        ("derive", map(["share": .text("clicks / impressions")])),
        ("hash", map(["columns": .list([.text("accountid")]), "key": .text("pepper")])),
    ]

    private static func map(_ entries: KeyValuePairs<String, StageArgument>) -> StageArgument {
        .map(entries.map { StageArgument.Entry($0.key, $0.value) })
    }

    func run(_ report: inout Report) async throws {
        let body = SampleRows(.plain).body(rows: Self.rows)
        let none = try Self.pipeline([])
        let chains = try Self.chain.map { try Self.pipeline([$0]) }
        let chain = try Self.pipeline(Self.chain)
        report.section(
            "Stages, one thread: \(Self.rows) rows of 12 columns, read, converted, rendered as CSV; CPU time, best of"
                + " \(setting.rounds) in turns; load \(Machine.load)"
        )
        let timings = try await inTurns(
            setting.rounds,
            ([none] + chains + [chain]).map { pipeline in { try Self.seconds(body, pipeline) } }
        )
        let base = timings[0].best
        report.line("without stages", rate(base))
        for ((name, _), timing) in zip(Self.chain, timings.dropFirst()) {
            let cost = (timing.best - base) / Double(Self.rows) * 1e9
            report.line("with \(name)", "\(rate(timing.best)), \(max(cost, 0).rounded().short) ns a row")
        }
        let whole = timings[timings.count - 1].best
        report.line(
            "with all of them",
            "\(rate(whole)), \(((whole - base) / Double(Self.rows) * 1e9).rounded().short) ns a row",
            value: Double(Self.rows) / whole / 1e6,
            .mark(1)
        )
        let distinct = try Self.pipeline([
            ("derive", Self.map(["unique": .text("concat(date, campaign, adgroup, impressions, clicks, cost)")])),
            ("hash", Self.map(["columns": .list([.text("unique")]), "key": .text("pepper")])),
        ])
        let unshared = try await inTurns(setting.rounds, [{ try Self.seconds(body, distinct) }])[0].best
        report.line("hash of values that are all different", rate(unshared))
        let withoutHash = try Self.pipeline(Array(Self.chain.dropLast()))
        for (name, pipeline) in [("none", none), ("all but hash", withoutHash), ("all", chain)] {
            // Once before, so that what is kept from batch to batch is there.
            _ = try Self.seconds(body, pipeline)
            let before = sluice_allocations()
            _ = try Self.seconds(body, pipeline)
            let count = sluice_allocations() - before
            report.line("allocations a row, \(name)", (Double(count) / Double(Self.rows)).fixed(4))
        }
    }

    private func rate(_ seconds: Double) -> String { (Double(Self.rows) / seconds / 1e6).short + " M rows/s" }

    private static func pipeline(_ stages: [(String, StageArgument)]) throws -> BoundPipeline {
        try BoundPipeline(reading: SampleRows.schema, through: stages.map { try Stages.make($0.0, $0.1) })
    }

    /// The processor time of one pass, batches and buffers being used again as a run does.
    private static func seconds(_ body: [UInt8], _ pipeline: BoundPipeline) throws -> Double {
        let storage = BatchStorage()
        let renderer = CSVRenderer(schema: pipeline.output)
        var output: [UInt8] = []
        return try processorSeconds {
            var reader = RowReader(storage: storage)
            var loaded = 0
            func take(_ batch: consuming Batch) throws {
                var batch = batch
                var rejects = Rejects()
                try pipeline.process(&batch, rejecting: &rejects)
                output.removeAll(keepingCapacity: true)
                renderer.render(batch, into: &output)
                loaded += batch.rowCount
                storage.give(batch)
            }
            func handle(_ event: ReadEvent) throws {
                switch event {
                case .rowsBegin: reader.schema = SampleRows.schema
                case .batch(let batch, _): try take(batch)
                default: break
                }
            }
            reader.beginBody()
            for start in stride(from: 0, to: body.count, by: chunk) {
                let piece = body.span.extracting(start..<min(start + chunk, body.count))
                var offset = 0
                while let event = try reader.next(from: piece, at: &offset) { try handle(event) }
            }
            while true {
                let event = try reader.finish()
                if case .end = event { break }
                try handle(event)
            }
            if let (batch, _) = reader.flush() { try take(batch) }
            return loaded
        }
    }
}
