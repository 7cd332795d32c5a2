import CZlib
import Foundation
import TestSupport
import Testing

@testable import FileLoading

@Suite struct GzipTests {
    /// Text that deflates, bytes that do not, nothing, and blocks larger than zlib's window.
    static let blocks: [[UInt8]] = {
        var state: UInt64 = 88_172_645_463_325_252
        func random(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return UInt8(truncatingIfNeeded: state)
            }
        }
        let text = Array(String(repeating: "2024-01-01,campaign,42\n", count: 9000).utf8)
        return [text, [], random(300_000), [0x41], Array(text.prefix(70_000)), random(1)]
    }()

    @Test(arguments: [1, 6, 9])
    func blocksThatWereDeflatedApartMakeOneMember(level: Int) throws {
        let deflater = Deflater(level: level)
        var (file, member) = (GzipMember.header, GzipMember())
        for block in Self.blocks {
            var deflated: [UInt8] = []
            deflater.deflate(block, into: &deflated)
            file += deflated
            member.append(plainCount: block.count, crc: crc32(block))
        }
        file += member.trailer
        #expect(try inflateOneMember(file) == Self.blocks.flatMap { $0 })
    }

    @Test(arguments: [1, 3, 6])
    func whatRepeatsIsFoundAgainThroughoutABlock(level: Int) {
        let noise = Array(Self.blocks[2].prefix(4000))
        var output: [UInt8] = []
        Deflater(level: level).deflate((0..<100).flatMap { _ in noise }, into: &output)
        #expect(output.count < noise.count * 3)
    }

    @Test func aMemberWithoutBlocksIsValid() throws {
        #expect(try inflateOneMember(GzipMember.header + GzipMember().trailer) == [])
    }

    @Test func theSameBytesDeflateAlikeWhateverCameBefore() {
        let deflater = Deflater(level: 6)
        let outputs = [0, 2, 0].map { index -> [UInt8] in
            var output: [UInt8] = []
            deflater.deflate(Self.blocks[index], into: &output)
            return output
        }
        #expect(outputs[0] == outputs[2])
        #expect(outputs[0].count < Self.blocks[0].count / 10)
    }

    @Test func deflatingAppends() {
        var output: [UInt8] = [1, 2, 3]
        Deflater(level: 1).deflate([0x41], into: &output)
        #expect(output.starts(with: [1, 2, 3]) && output.suffix(4) == [0, 0, 0xFF, 0xFF])
    }

    @Test func gzipItselfAccepts() async throws {
        let folder = try TemporaryFolder()
        let loader = try Loader(sink: LineSink(folder.path + "/out.txt.gz"))
        try await loader.run((0..<20).map { .week($0) }, notes: (0..<100).map(String.init))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/gzip")
        process.arguments = ["-t", folder.path + "/out.txt.gz"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }
}
