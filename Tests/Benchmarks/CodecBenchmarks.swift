import ByteCodecs
import Foundation
import PipelineCore

/// Reading answers and rendering rows, on one thread.
struct CodecBenchmarks {
    let setting: Setting

    private static let rows = 400_000
    /// How the network hands a body over.
    private static let chunk = 64 << 10

    func run(_ report: inout Report) async throws {
        try await reading(&report)
        try await rendering(.plain, &report)
        try await rendering(.escaped, &report)
        try await checking(&report)
    }

    // MARK: Reading

    private func reading(_ report: inout Report) async throws {
        let body = SampleRows(.plain).body(rows: Self.rows)
        let tenth = Data(SampleRows(.plain).body(rows: Self.rows / 10))
        let size = Double(body.count)
        report.section(
            "Reading, one thread: \(Self.rows) rows of 12 columns, \(size.perRow(Self.rows)) bytes each, in chunks of"
                + " 64 KiB; CPU time, best of \(setting.rounds) in turns; load \(Machine.load)"
        )
        var copy = [UInt8](repeating: 0, count: Self.chunk)
        let timings = try await inTurns(
            setting.rounds,
            [
                { processorSeconds { Self.copy(body, through: &copy) } },
                { try processorSeconds { try Self.read(body) { $0.rowCount } } },
                { try processorSeconds { try Self.parse(tenth) } },
            ]
        )
        let (copied, read, parsed) = (timings[0].best, timings[1].best, timings[2].best * size / Double(tenth.count))
        report.line("copying the bytes", rate(size, copied))
        report.line("tokenise into cells", rate(size, read), value: size / read / 1e9, .mark(1.7))
        report.line("  the same in rows", rows(read), value: Double(Self.rows) / read / 1e6, .mark(9))
        report.line("JSONSerialization", rate(size, parsed))
        report.line("  copying : tokenising", (read / copied).fixed(2) + " times the time of a copy")
        report.line(
            "  JSONSerialization : tokenising",
            (parsed / read).fixed(1) + " times as fast as JSONSerialization"
        )
    }

    /// Moves the bytes through a small buffer, as the fastest reading that can be.
    private static func copy(_ bytes: [UInt8], through buffer: inout [UInt8]) -> Int {
        var sum = 0
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            let end = min(start + chunk, bytes.count)
            buffer.removeAll(keepingCapacity: true)
            buffer.append(contentsOf: bytes[start..<end])
            sum += Int(buffer[buffer.count - 1])
        }
        return sum
    }

    private static func read(_ body: [UInt8], _ take: (Batch) throws -> Int) throws -> Int {
        var reader = RowReader()
        var result = 0
        func handle(_ event: ReadEvent) throws {
            switch event {
            case .rowsBegin: reader.schema = SampleRows.schema
            case .batch(let batch, _): result += try take(batch)
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
        if let (batch, _) = reader.flush() { result += try take(batch) }
        return result
    }

    private static func parse(_ body: Data) throws -> Int {
        let object = try JSONSerialization.jsonObject(with: body) as? [String: Any]
        return (object?["data"] as? [Any])?.count ?? 0
    }

    // MARK: Rendering

    private func rendering(_ spelling: SampleRows.Spelling, _ report: inout Report) async throws {
        let body = SampleRows(spelling).body(rows: Self.rows)
        let csv = CSVRenderer(schema: SampleRows.schema)
        let ndjson = NDJSONRenderer(schema: SampleRows.schema)
        let copyText = CopyTextRenderer(schema: SampleRows.schema, constants: [.int64(1)])
        let copyBinary = CopyBinaryRenderer(schema: SampleRows.schema, constants: [.int64(1)])
        let forms: [(name: String, mark: Double, render: (borrowing Batch, inout [UInt8]) throws -> Void)] = [
            ("CSV", 4.3, { csv.render($0, into: &$1) }), ("NDJSON", 7.2, { ndjson.render($0, into: &$1) }),
            ("COPY text", 5.5, { try copyText.render($0, into: &$1) }),
            ("COPY binary", 5.1, { try copyBinary.render($0, into: &$1) }),
        ]
        var batches: [Batch] = []
        _ = try Self.read(body) { batch in
            batches.append(batch)
            return 0
        }
        var output: [UInt8] = []
        func rendered(_ batch: Batch, _ render: (borrowing Batch, inout [UInt8]) throws -> Void) throws -> Int {
            output.removeAll(keepingCapacity: true)
            try render(batch, &output)
            return output.count
        }
        report.section(
            "Rendering, one thread, \(spelling == .plain ? "text as it is" : "text escaped as the API's default, \\/ and \\u00e4")"
                + "; \(Double(body.count).perRow(Self.rows)) bytes a row; CPU time, best of \(setting.rounds) in turns; load \(Machine.load)"
        )
        let timings = try await inTurns(
            setting.rounds,
            [{ try processorSeconds { try Self.read(body) { $0.rowCount } } }]
                + forms.map { form in
                    { try processorSeconds { try batches.reduce(0) { $0 + (try rendered($1, form.render)) } } }
                }
                + forms.map { form in
                    { try processorSeconds { try Self.read(body) { try rendered($0, form.render) } } }
                }
        )
        let isMarked = spelling == .plain
        func goal(_ mark: Double) -> Report.Goal { isMarked ? .mark(mark) : .none }
        report.line("tokenise", rows(timings[0].best))
        for (form, timing) in zip(forms, timings.dropFirst()) { report.line("render \(form.name)", rows(timing.best)) }
        for (form, timing) in zip(forms, timings.dropFirst(1 + forms.count)) {
            let rate = Double(Self.rows) / timing.best / 1e6
            report.line("tokenise and render \(form.name)", rows(timing.best), value: rate, goal(form.mark))
        }
    }

    // MARK: Text

    private func checking(_ report: inout Report) async throws {
        let mixed = SampleRows(.plain).body(rows: 100_000)
        let ascii = SampleRows(.escaped).body(rows: 100_000)
        report.section("UTF-8, one thread; CPU time, best of \(setting.rounds) in turns; load \(Machine.load)")
        func check(_ bytes: [UInt8]) -> Int { UTF8Check.firstInvalidByte(in: bytes.span) ?? 0 }
        func validate(_ bytes: [UInt8]) throws -> Int { try UTF8Span(validating: bytes.span).count }
        let timings = try await inTurns(
            setting.rounds * 3,
            [
                { processorSeconds { check(mixed) } }, { try processorSeconds { try validate(mixed) } },
                { processorSeconds { check(ascii) } },
            ]
        )
        let size = Double(mixed.count)
        report.line(
            "check, rows with some text beyond ASCII",
            rate(size, timings[0].best),
            value: size / timings[0].best / 1e9,
            .mark(5.6)
        )
        report.line("UTF8Span(validating:)", rate(size, timings[1].best))
        report.line("check, ASCII alone", rate(Double(ascii.count), timings[2].best))
    }

    private func rate(_ bytes: Double, _ seconds: Double) -> String { (bytes / seconds / 1e9).short + " GB/s" }

    private func rows(_ seconds: Double) -> String { (Double(Self.rows) / seconds / 1e6).short + " M rows/s" }
}

extension Double {
    fileprivate func perRow(_ rows: Int) -> String { (self / Double(rows)).rounded().short }
}
