import Foundation

/// One value as a reader without types sees it.
enum Cell: Hashable, CustomStringConvertible {
    case null
    case text(String)
    /// A number, a truth value, an object or a list, as written.
    case bare(String)

    var description: String {
        switch self {
        case .null: "null"
        case .text(let text): "\"\(text)\""
        case .bare(let text): text
        }
    }
}

/// JSON read without losing a digit: bounds are found here, texts are decoded by Foundation.
struct JSONText {
    struct Malformed: Error {
        var offset: Int
    }

    private let bytes: [UInt8]
    private var index = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// One object per line, as names and values in their order.
    static func lines(_ bytes: [UInt8]) throws -> [[(name: String, value: Cell)]] {
        try bytes.split(separator: UInt8(ascii: "\n")).map { line in
            guard try JSONSerialization.jsonObject(with: Data(line)) is [String: Any] else {
                throw Malformed(offset: 0)
            }
            return try object(Array(line)).map { ($0.name, try cell($0.value)) }
        }
    }

    /// The rows of `data` of an answer of the API.
    static func apiRows(_ answer: [UInt8]) throws -> [[Cell]] {
        guard let data = try object(answer).first(where: { $0.name == "data" }) else { throw Malformed(offset: 0) }
        return try elements(data.value).map { try elements($0).map(cell) }
    }

    private static func object(_ bytes: [UInt8]) throws -> [(name: String, value: [UInt8])] {
        var reader = JSONText(bytes)
        var members: [(String, [UInt8])] = []
        try reader.list(from: "{", to: "}") { reader in
            guard case .text(let name) = try cell(try reader.token()) else { throw Malformed(offset: reader.index) }
            reader.skipSpace()
            try reader.expect(":")
            members.append((name, try reader.token()))
        }
        return members
    }

    private static func elements(_ bytes: [UInt8]) throws -> [[UInt8]] {
        var reader = JSONText(bytes)
        var elements: [[UInt8]] = []
        try reader.list(from: "[", to: "]") { elements.append(try $0.token()) }
        return elements
    }

    private static func cell(_ token: [UInt8]) throws -> Cell {
        if token == Array("null".utf8) { return .null }
        guard token.first == UInt8(ascii: "\"") else { return .bare(String(decoding: token, as: UTF8.self)) }
        let list = try JSONSerialization.jsonObject(with: Data([UInt8(ascii: "[")] + token + [UInt8(ascii: "]")]))
        guard let text = (list as? [String])?.first else { throw Malformed(offset: 0) }
        return .text(text)
    }

    private mutating func list(
        from open: Unicode.Scalar,
        to close: Unicode.Scalar,
        _ element: (inout JSONText) throws -> Void
    ) throws {
        skipSpace()
        try expect(open)
        skipSpace()
        while index < bytes.count, bytes[index] != UInt8(ascii: close) {
            try element(&self)
            skipSpace()
            if index < bytes.count, bytes[index] == UInt8(ascii: ",") { index += 1 }
            skipSpace()
        }
        try expect(close)
    }

    /// The bytes of the next value, brackets and all.
    private mutating func token() throws -> [UInt8] {
        skipSpace()
        let start = index
        var depth = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""): skipString()
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                index += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if depth == 0 { return Array(bytes[start..<index]) }
                depth -= 1
                index += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: " "), UInt8(ascii: "\n"):
                if depth == 0 { return Array(bytes[start..<index]) }
                index += 1
            default: index += 1
            }
        }
        return Array(bytes[start...])
    }

    private mutating func skipString() {
        index += 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        index += 1
    }

    private mutating func skipSpace() {
        while index < bytes.count, bytes[index] <= UInt8(ascii: " ") { index += 1 }
    }

    private mutating func expect(_ scalar: Unicode.Scalar) throws {
        guard index < bytes.count, bytes[index] == UInt8(ascii: scalar) else { throw Malformed(offset: index) }
        index += 1
    }
}
