import TestSupport

/// Writes random bodies that are mostly valid and rich in what readers get wrong.
struct RandomJSON {
    var random: SeededRandom
    /// One in so many strings holds something that is no text.
    var badText = 40

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func body(columns: Int, maximumRows: Int = 12) -> [UInt8] {
        var members: [String] = ["meta", "data"]
        if random.below(6) == 0 { members.append("error") }
        if random.below(3) == 0 { members.append("other") }
        if random.below(30) == 0 { members.append("data") }
        if random.below(10) == 0 { members.removeFirst() }
        members.shuffle(using: &random)
        var body = space() + [UInt8(ascii: "{")]
        for (index, name) in members.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            let written = name == "data" && random.below(8) == 0 ? "d\\u0061ta" : name
            body += space() + Array("\"\(written)\"".utf8) + space() + [UInt8(ascii: ":")] + space()
            if name == "data" {
                body += rows(columns: columns, count: random.below(maximumRows + 1))
            } else {
                body += value(depth: 3)
            }
            body += space()
        }
        return body + [UInt8(ascii: "}")] + space()
    }

    mutating func rows(columns: Int, count: Int) -> [UInt8] {
        var bytes = [UInt8(ascii: "[")] + space()
        for index in 0..<count {
            if index > 0 { bytes += [UInt8(ascii: ",")] + space() }
            bytes += row(columns: random.below(60) == 0 ? random.below(columns + 2) : columns) + space()
        }
        return bytes + [UInt8(ascii: "]")]
    }

    mutating func row(columns: Int) -> [UInt8] {
        var bytes = [UInt8(ascii: "[")] + space()
        for index in 0..<columns {
            if index > 0 { bytes += [UInt8(ascii: ",")] + space() }
            bytes += value(depth: random.below(12) == 0 ? 3 : 0) + space()
        }
        return bytes + [UInt8(ascii: "]")]
    }

    mutating func value(depth: Int) -> [UInt8] {
        switch random.below(depth > 0 ? 8 : 6) {
        case 0: return Array("null".utf8)
        case 1: return Array(random.pick(["true", "false"]).utf8)
        case 2: return number()
        case 6:
            return [UInt8(ascii: "[")] + space()
                + Array((0..<random.below(4)).map { _ in value(depth: depth - 1) + space() }.joined(separator: [0x2C]))
                + [UInt8(ascii: "]")]
        case 7:
            let members = (0..<random.below(4)).map { _ in
                space() + string() + space() + [UInt8(ascii: ":")] + space() + value(depth: depth - 1) + space()
            }
            return [UInt8(ascii: "{")] + Array(members.joined(separator: [0x2C])) + (members.isEmpty ? space() : [])
                + [UInt8(ascii: "}")]
        default: return string()
        }
    }

    mutating func number() -> [UInt8] {
        var text = random.pick(["", "", "-"])
        text += random.pick(["0", "7", "42", "1234567", "12345678", "123456789012345678901234567890"])
        text += random.pick(["", "", ".0", ".5", ".123456789", ".00000000001"])
        text += random.pick(["", "", "", "e5", "E-10", "e+308", "E0"])
        return Array(text.utf8)
    }

    mutating func string() -> [UInt8] {
        var bytes = [UInt8(ascii: "\"")]
        let pieces = random.below(6)
        for _ in 0..<pieces {
            bytes += Array(
                random.pick([
                    "a", "Brand", "Search - Finland", "2024-02-29", "ä", "é漢字", "🎉", "\u{7F}", "\u{800}", "\u{FFFD}",
                    "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9", "\\ud83c\\udf89", "\\u0000", ",", ";", "'",
                    "=1+1", " ", "[", "]", "{", "}", "0123456789abcdef",
                ]).utf8
            )
        }
        if random.below(badText) == 0 {
            bytes += random.pick([
                [0xFF], [0xC3], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
                [0xF0, 0x9F, 0x8E], Array("\\ud83c".utf8), Array("\\udf89".utf8), Array("\\ud83c\\n".utf8),
                Array("\\ud83cx".utf8), Array("\\ud83c\\ud83c\\udf89".utf8), Array("\\ud83c\\u0041".utf8),
            ])
            if random.below(2) == 0 { bytes += Array("tail".utf8) }
        }
        return bytes + [UInt8(ascii: "\"")]
    }

    mutating func space() -> [UInt8] {
        random.below(4) == 0 ? (0..<random.below(4)).map { _ in random.pick([0x20, 0x0A, 0x0D, 0x09]) } : []
    }

    /// Changes a few bytes.
    mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...random.below(2) where !bytes.isEmpty {
            let index = random.below(bytes.count)
            switch random.below(5) {
            case 0: bytes.remove(at: index)
            case 1: bytes.insert(random.pick(Array("\"\\[]{},:0-.eEtfn \u{0}".utf8)), at: index)
            case 2: bytes[index] = UInt8(truncatingIfNeeded: random.next())
            case 3: bytes[index] = random.pick(Array("\"\\[]{},:0-.eEtfn".utf8))
            default: bytes.removeLast(bytes.count - index)
            }
        }
        return bytes
    }
}
