import Foundation
import Jobs
import SupermetricsAPI
import TestSupport
import Testing

@Suite struct YAMLReaderTests {
    /// Any text ends in a job or in mistakes with a place; nothing crashes, hangs or passes by accident.
    @Test func `Damaged files end in mistakes with a place`() throws {
        let text = try String(
            contentsOf: JobFixtures.folder.appendingPathComponent("good/product.yaml"),
            encoding: .utf8
        )
        let original = Array(text.unicodeScalars)
        let marks = Array("{}[]:,#&*!|>'\"%@`-? \n\t$~<\u{7}\u{85}\u{2028}é😀0a".unicodeScalars)
        var random = SeededRandom(seed: 42)
        var broken = 0
        for _ in 0..<300 {
            var damaged = original
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                let index = Int.random(in: damaged.indices, using: &random)
                let mark = marks[Int.random(in: marks.indices, using: &random)]
                switch Int.random(in: 0..<3, using: &random) {
                case 0: damaged[index] = mark
                case 1: damaged.insert(mark, at: index)
                default: damaged.removeSubrange(index..<min(index + 3, damaged.count))
                }
            }
            var view = String.UnicodeScalarView()
            view.append(contentsOf: damaged)
            let mistakes = JobFixtures.mistakes(String(view))
            broken += mistakes.isEmpty ? 0 : 1
            for mistake in mistakes {
                #expect(mistake.wholeMatch(of: /job\.yaml:[1-9][0-9]*:[1-9][0-9]*: (?s).+/) != nil, "\(mistake)")
            }
        }
        #expect(broken > 150)
    }

    @Test func `Aliases of aliases do not grow without end`() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n"
        }
        let mistakes = JobFixtures.mistakes(text)
        #expect(mistakes.count == 1)
        #expect(mistakes.first?.contains("more than 100000 values") == true)
    }

    @Test func `Nesting is as deep as YAML's own limit allows`() throws {
        let nested = String(repeating: "[", count: 900) + String(repeating: "]", count: 900)
        let job = try JobFixtures.parse(
            JobFixtures.export(
                "query: {ds_id: AW, fields: [Date], start_date: today, end_date: today, settings: {x: \(nested)}}"
            )
        )
        #expect(job.exports.first?.query.object["settings"]?.description.count == 1806)
    }

    @Test func `Places are counted in characters`() {
        #expect(
            JobFixtures.mistakes("name: \"é😀\"\r\napi: {é: 1, pge_rows: 2}\r\nexports: []\r\n").map { $0.prefix(14) }
                == [
                    "job.yaml:2:7: ", "job.yaml:2:13:", "job.yaml:3:10:",
                ]
        )
    }
}
