import Foundation
import Jobs
import TestSupport
import Testing

/// Bad files and what is said about them: `Fixtures/bad/NAME.yaml` beside `NAME.expected`.
///
/// RECORD_FIXTURES=1 writes the expected files anew.
@Suite struct JobFileGoldenTests {
    static let names: [String] = {
        let files = try? FileManager.default.contentsOfDirectory(
            atPath: JobFixtures.folder.appendingPathComponent("bad").path
        )
        return (files ?? []).filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
    }()

    @Test func `There are bad files`() { #expect(Self.names.count > 30) }

    @Test(arguments: names) func `A bad file is described exactly`(name: String) throws {
        let folder = JobFixtures.folder.appendingPathComponent("bad")
        let text = try String(contentsOf: folder.appendingPathComponent("\(name).yaml"), encoding: .utf8)
        let expectedFile = folder.appendingPathComponent("\(name).expected")
        let found = JobFixtures.mistakes(text).joined(separator: "\n") + "\n"
        if JobFixtures.isRecording { try Data(found.utf8).write(to: expectedFile) }
        let expected = try String(contentsOf: expectedFile, encoding: .utf8)
        #expect(found == expected)
        #expect(found != "\n", "a bad file without a mistake")
        for secret in ["hunter2", "s3cr3t", "sometimes"] { #expect(!found.contains(secret)) }
    }
}
