import Foundation
import Testing

@Suite("Documentation")
struct DocumentationTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The Swift examples of a text, as lines without indentation.
    private static func examples(of text: String) -> [[String]] {
        var examples: [[String]] = []
        var open: [String]?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(plain) {
            if line == "```swift" {
                open = []
            } else if line == "```", let example = open {
                examples.append(example)
                open = nil
            } else if !line.isEmpty {
                open?.append(line)
            }
        }
        return examples
    }

    /// A line without indentation and without the mark of a documentation comment.
    private static func plain(_ line: some StringProtocol) -> String {
        let line = line.trimmingCharacters(in: .whitespaces)
        return line.hasPrefix("///") ? line.dropFirst(3).trimmingCharacters(in: .whitespaces) : line
    }

    @Test("every example compiles: it stands word for word in DocumentationExamples.swift")
    func examplesCompile() throws {
        let folder = Self.root.appendingPathComponent("Sources/SupermetricsAPI")
        let compiled = try String(
            contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("DocumentationExamples.swift"),
            encoding: .utf8
        ).split(separator: "\n").map(Self.plain).filter { !$0.isEmpty }.joined(separator: "\n")
        let files = try #require(FileManager.default.enumerator(atPath: folder.path)).compactMap { $0 as? String }
        var count = 0
        for file in files where file.hasSuffix(".md") || file.hasSuffix(".swift") {
            let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
            for example in Self.examples(of: text) {
                count += 1
                let isCompiled = compiled.contains(example.joined(separator: "\n"))
                #expect(isCompiled, "\(file): \(example.first ?? "")")
            }
        }
        #expect(count >= 30)
    }

    @Test("every article is reached from the library's page")
    func articlesAreLinked() throws {
        let catalog = Self.root.appendingPathComponent("Sources/SupermetricsAPI/SupermetricsAPI.docc")
        let page = try String(contentsOf: catalog.appendingPathComponent("SupermetricsAPI.md"), encoding: .utf8)
        let articles = try FileManager.default.contentsOfDirectory(
            atPath: catalog.appendingPathComponent("Articles").path
        )
        #expect(articles.count == 8)
        for article in articles { #expect(page.contains("<doc:\(article.dropLast(3))>"), "\(article)") }
    }
}
