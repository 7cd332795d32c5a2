import ByteCodecs
import PipelineCore
import TestSupport
import Testing

@Suite("RowReader against a plain reader")
struct RowReaderPropertyTests {
    @Test("accepts, refuses and reads the same, however the bytes are cut", arguments: 0..<8)
    func matchesPlainReader(part: Int) {
        for seed in 0..<60 {
            var json = RandomJSON(seed: UInt64(part * 1000 + seed))
            let columns = json.random.below(5)
            var body = json.body(columns: columns)
            if json.random.below(2) == 0 { body = json.mutate(body) }
            let expected = try? PlainReader.read(body, columns: columns)
            let batchSize = json.random.pick([1, 40, 200, 1 << 20])
            var errors: Set<ReadError> = []
            for mostBytes in [Int.max - 1, 1, 3, 17, 200] {
                var random = SeededRandom(seed: UInt64(seed))
                do {
                    let content = try ReaderDriver.content(of: body, columns: columns, batchSize: batchSize) {
                        mostBytes == .max - 1 ? .max : 1 + random.below(mostBytes)
                    }
                    #expect(content == expected, "seed \(part * 1000 + seed), chunks of \(mostBytes)")
                } catch {
                    errors.insert(error)
                    #expect(expected == nil, "seed \(part * 1000 + seed), chunks of \(mostBytes): \(error)")
                }
            }
            #expect(errors.count <= 1, "seed \(part * 1000 + seed): \(errors)")
        }
    }

    @Test("keeps to its limits, however the bytes are cut", arguments: 0..<4)
    func keepsLimits(part: Int) {
        for seed in 0..<60 {
            var json = RandomJSON(seed: UInt64(90_000 + part * 1000 + seed))
            let columns = 1 + json.random.below(3)
            let body = json.body(columns: columns)
            let limits = ReadLimits(
                depth: 1 + json.random.below(3),
                rowBytes: 20 + json.random.below(60),
                valueBytes: 4 + json.random.below(40)
            )
            // The length of a name counts too, with its colon and the space around it.
            let expected = try? PlainReader.read(body, columns: columns, limits: limits)
            var errors: Set<ReadError> = []
            for mostBytes in [Int.max - 1, 1, 17] {
                var random = SeededRandom(seed: UInt64(seed))
                do {
                    let content = try ReaderDriver.content(of: body, columns: columns, limits: limits) {
                        mostBytes == .max - 1 ? .max : 1 + random.below(mostBytes)
                    }
                    #expect(content == expected)
                } catch {
                    errors.insert(error)
                    if case .tooLong = error.problem { continue }
                    #expect(expected == nil)
                }
            }
            #expect(errors.count <= 1, "\(errors)")
        }
    }
}
