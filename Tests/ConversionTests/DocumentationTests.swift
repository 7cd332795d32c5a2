import Foundation
import PipelineCore
import Testing

@testable import Conversion

/// The examples of the documentation are true.
@Suite struct DocumentationTests {
    private static let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Sources/Conversion/Conversion.docc/Expressions.md")

    @Test("Every example of an expression has the value the page says")
    func expressions() throws {
        let schema = Schema([
            "clicks": .decimal(nil), "impressions": .decimal(nil), "cost": .decimal(nil), "campaign": .text,
            "day": .date, "note": .text,
        ])
        let row: [Value] = [
            .number("5"), .number("8"), .number("12.50"), .text("Brand|FI|Search"), .text("2024-02-29"), .null,
        ]
        let text = try String(contentsOf: Self.page, encoding: .utf8)
        let examples = try #require(text.range(of: "## Examples")).upperBound
        var count = 0
        for line in text[examples...].split(separator: "\n") where line.hasPrefix("| `") {
            let parts = line.replacing("\\|", with: "\u{1}").split(separator: "|")
                .map { $0.replacing("\u{1}", with: "|").trimmingCharacters(in: .whitespaces) }
            let expression = parts[0].trimmingCharacters(in: CharacterSet(charactersIn: "`"))
            let bound = try DeriveStage([.init("it", expression)]).bind(to: schema)
            var (batch, rejects) = (Batch(schema, [row]), Rejects())
            try bound.process(&batch, rejecting: &rejects)
            let value = try #require(batch.rows.first?.last)
            #expect((value == .null ? "null" : value.parts.1) == parts[1], "\(expression)")
            count += 1
        }
        #expect(count == 12)
    }

    @Test("Every function the page names is there, and no other")
    func functions() throws {
        let text = try String(contentsOf: Self.page, encoding: .utf8)
        for (name, _) in ExpressionCompiler.functions { #expect(text.contains("`\(name)(")) }
    }
}
