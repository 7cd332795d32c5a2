import ByteCodecs
import TestSupport
import Testing

private func firstInvalidByte(_ bytes: [UInt8]) -> Int? { UTF8Check.firstInvalidByte(in: bytes.span) }

@Suite("UTF-8 check")
struct UTF8CheckTests {
    static let sequences: [(bytes: [UInt8], expected: Int?)] = [
        ([], nil), ([0x41, 0x00, 0x7F], nil), ([0xC2, 0x80], nil), ([0xDF, 0xBF], nil), ([0xE0, 0xA0, 0x80], nil),
        ([0xED, 0x9F, 0xBF], nil), ([0xEE, 0x80, 0x80], nil), ([0xF0, 0x90, 0x80, 0x80], nil),
        ([0xF4, 0x8F, 0xBF, 0xBF], nil), ([0x41, 0x80], 1), ([0xC0, 0xAF], 0), ([0xC1, 0xBF], 0), ([0xC2], 0),
        ([0xC2, 0x41], 0), ([0xE0, 0x9F, 0xBF], 0), ([0xE1, 0x80], 0), ([0xE1, 0x80, 0x41], 0),
        ([0xED, 0xA0, 0x80], 0), ([0xF0, 0x8F, 0xBF, 0xBF], 0), ([0xF1, 0x80, 0x80], 0),
        ([0xF4, 0x90, 0x80, 0x80], 0), ([0xF5, 0x80, 0x80, 0x80], 0), ([0xFF], 0),
    ]

    @Test("finds the first byte that begins no sequence (Unicode Standard, table 3-7)", arguments: sequences)
    func findsInvalid(bytes: [UInt8], expected: Int?) {
        #expect(firstInvalidByte(bytes) == expected)
        let long = [UInt8](repeating: 0x61, count: 45) + bytes + [UInt8](repeating: 0x61, count: 45)
        #expect(firstInvalidByte(long) == expected.map { $0 + 45 })
    }

    @Test("agrees with the standard library on random bytes")
    func random() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<3000 {
            var bytes: [UInt8] = []
            for _ in 0..<random.below(70) {
                bytes += random.below(4) == 0 ? Array(random.pick(["é", "漢", "🎉"]).utf8) : [0x61]
                if random.below(30) == 0 { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
            }
            let isText = String(validating: bytes, as: UTF8.self) != nil
            let invalid = UTF8Check.firstInvalidByte(in: bytes.span)
            #expect((invalid == nil) == isText)
            if let invalid { #expect(String(validating: bytes[..<invalid], as: UTF8.self) != nil) }
        }
    }
}
