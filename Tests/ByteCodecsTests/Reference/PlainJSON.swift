import ByteCodecs

struct InvalidJSON: Error {}

/// A JSON value (RFC 8259) read in the plainest way: recursively, from a whole array, one byte after the other.
struct PlainJSON {
    enum Kind: Equatable {
        case null
        case bool
        case number
        case string(isEscaped: Bool)
        case array
        case object
    }

    var kind: Kind
    /// The value as written.
    var bytes: [UInt8]
    /// The first place in it, names included, that is no text.
    var fault: TextFault?
    /// What a string stands for; nil where it is no text.
    var text: String?
    var elements: [PlainJSON] = []
    var members: [Member] = []
    /// Levels of arrays and objects.
    var depth = 0

    struct Member {
        var name: PlainJSON
        var value: PlainJSON
    }

    /// Reads one value with nothing but white space around it.
    init(whole bytes: [UInt8]) throws(InvalidJSON) {
        var parser = Parser(bytes: bytes)
        parser.space()
        self = try parser.value()
        parser.space()
        guard parser.position == bytes.count else { throw InvalidJSON() }
    }

    private init(_ kind: Kind) {
        self.kind = kind
        bytes = []
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0

        var next: UInt8? { position < bytes.count ? bytes[position] : nil }

        mutating func space() {
            while let byte = next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { position += 1 }
        }

        mutating func take(_ character: Character) -> Bool {
            guard let byte = next, byte == character.asciiValue else { return false }
            position += 1
            return true
        }

        mutating func expect(_ word: String) throws(InvalidJSON) {
            for character in word where !take(character) { throw InvalidJSON() }
        }

        mutating func value() throws(InvalidJSON) -> PlainJSON {
            let start = position
            var value: PlainJSON
            switch next {
            case UInt8(ascii: "n"):
                try expect("null")
                value = PlainJSON(.null)
            case UInt8(ascii: "t"):
                try expect("true")
                value = PlainJSON(.bool)
            case UInt8(ascii: "f"):
                try expect("false")
                value = PlainJSON(.bool)
            case UInt8(ascii: "\""): value = try string()
            case UInt8(ascii: "["): value = try array()
            case UInt8(ascii: "{"): value = try object()
            default: value = try number()
            }
            value.bytes = Array(bytes[start..<position])
            return value
        }

        mutating func number() throws(InvalidJSON) -> PlainJSON {
            _ = take("-")
            if !take("0") { try digits() }
            if take(".") { try digits() }
            if take("e") || take("E") {
                if !take("+") { _ = take("-") }
                try digits()
            }
            return PlainJSON(.number)
        }

        mutating func digits() throws(InvalidJSON) {
            let start = position
            while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
            if position == start { throw InvalidJSON() }
        }

        mutating func string() throws(InvalidJSON) -> PlainJSON {
            try expect("\"")
            var isEscaped = false
            var fault: TextFault?
            var text = ""
            while true {
                let start = position
                while let byte = next, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                    position += 1
                }
                if let run = String(validating: bytes[start..<position], as: UTF8.self) {
                    text += run
                } else {
                    fault = fault ?? .invalidUTF8
                }
                if take("\"") { break }
                isEscaped = true
                // A run of escapes is taken as a whole, so that pairs of surrogates stay together.
                var units: [UInt16] = []
                while take("\\") { units.append(try escape()) }
                if units.isEmpty { throw InvalidJSON() }
                if let run = String(validating: units, as: UTF16.self) {
                    text += run
                } else {
                    fault = fault ?? .loneSurrogate
                }
            }
            var value = PlainJSON(.string(isEscaped: isEscaped))
            value.fault = fault
            value.text = fault == nil ? text : nil
            return value
        }

        mutating func escape() throws(InvalidJSON) -> UInt16 {
            let simple: [(Character, UInt16)] = [
                ("\"", 0x22), ("\\", 0x5C), ("/", 0x2F), ("b", 8), ("f", 12), ("n", 10), ("r", 13), ("t", 9),
            ]
            for (letter, unit) in simple where take(letter) { return unit }
            guard take("u") else { throw InvalidJSON() }
            var unit: UInt16 = 0
            for _ in 0..<4 {
                guard let byte = next, byte < 0x80,
                    let digit = Character(Unicode.Scalar(byte)).hexDigitValue
                else { throw InvalidJSON() }
                unit = unit << 4 | UInt16(digit)
                position += 1
            }
            return unit
        }

        mutating func array() throws(InvalidJSON) -> PlainJSON {
            try expect("[")
            var value = PlainJSON(.array)
            space()
            if !take("]") {
                repeat {
                    space()
                    let element = try self.value()
                    value.elements.append(element)
                    value.fault = value.fault ?? element.fault
                    value.depth = max(value.depth, element.depth)
                    space()
                } while take(",")
                try expect("]")
            }
            value.depth += 1
            return value
        }

        mutating func object() throws(InvalidJSON) -> PlainJSON {
            try expect("{")
            var value = PlainJSON(.object)
            space()
            if !take("}") {
                repeat {
                    space()
                    let name = try string()
                    space()
                    try expect(":")
                    space()
                    let member = try self.value()
                    value.members.append(Member(name: name, value: member))
                    value.fault = value.fault ?? name.fault ?? member.fault
                    value.depth = max(value.depth, member.depth)
                    space()
                } while take(",")
                try expect("}")
            }
            value.depth += 1
            return value
        }
    }
}
