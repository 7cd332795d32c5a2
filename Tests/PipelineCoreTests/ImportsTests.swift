import Foundation
import Testing

@Suite("Imports of the lowest rooms")
struct ImportsTests {
    @Test("PipelineCore and ByteCodecs import nothing but each other and the standard library")
    func noFoundation() throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources").standardizedFileURL
        let allowed = ["PipelineCore": ["Synchronization"], "ByteCodecs": ["PipelineCore", "Synchronization"]]
        for (room, modules) in allowed {
            let files = try FileManager.default.contentsOfDirectory(
                at: sources.appending(path: room),
                includingPropertiesForKeys: nil
            ).filter { $0.pathExtension == "swift" }
            #expect(!files.isEmpty)
            for file in files {
                for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                    let words = line.split(separator: " ")
                    guard let keyword = words.firstIndex(of: "import"), keyword <= 1, words.count > keyword + 1 else {
                        continue
                    }
                    #expect(
                        modules.contains(String(words[keyword + 1])),
                        "\(file.lastPathComponent) has `\(line)`"
                    )
                }
            }
        }
    }
}
