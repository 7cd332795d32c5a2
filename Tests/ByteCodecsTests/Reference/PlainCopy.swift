import ByteCodecs
import PipelineCore

/// What a row of COPY means, value by value; what the renderers are compared with.
enum PlainCopy {
    struct Malformed: Error {}

    /// What PostgreSQL makes of a value.
    enum Printed: Equatable {
        case null
        case value(String)
        /// It has no form for it.
        case unfit

        var text: String? {
            guard case .value(let text) = self else { return nil }
            return text
        }
    }

    /// A value as PostgreSQL would print it, `json` as written.
    static func printed(_ cell: PlainCell, _ type: ColumnType, _ json: CopyJSON) throws -> Printed {
        guard let text = try PlainRenderers.text(cell) else { return .null }
        return try value(cell, text, type, json).map(Printed.value) ?? .unfit
    }

    private static func value(
        _ cell: PlainCell,
        _ text: String,
        _ type: ColumnType,
        _ json: CopyJSON
    ) throws -> String? {
        switch type {
        case .text: return text.utf8.contains(0) ? nil : text
        case .decimal: return numeric(text)
        case .int64:
            guard let whole = numeric(text)?.split(separator: ".", maxSplits: 1),
                whole.count < 2 || whole[1].allSatisfy({ $0 == "0" })
            else { return nil }
            return whole.first.flatMap { Int64($0) }?.description
        case .double:
            guard numeric(text) != nil, let value = Double(text), value.isFinite else { return nil }
            let isZero = !text.prefix { $0 != "e" && $0 != "E" }.contains { "123456789".contains($0) }
            return value != 0 || isZero ? value.description : nil
        case .bool:
            if ["true", "t", "yes", "y", "on", "1"].contains(text.lowercased()) { return "t" }
            return ["false", "f", "no", "n", "off", "0"].contains(text.lowercased()) ? "f" : nil
        case .date: return Day(text)?.description
        case .timestamp: return timestamp(text)
        case .json:
            let written = jsonValue(cell)
            if json == .jsonb {
                let tree = try PlainJSON(whole: written)
                guard jsonbTakes(tree) else { return nil }
            }
            return String(decoding: written, as: UTF8.self)
        }
    }

    /// The JSON of a cell.
    private static func jsonValue(_ cell: PlainCell) -> [UInt8] {
        switch cell.kind {
        case .text, .escaped: return [0x22] + cell.bytes + [0x22]
        case .raw:
            var json: [UInt8] = []
            JSONText.appendQuoted(cell.bytes.span, to: &json)
            return json
        case .null, .number, .bool, .json: return cell.bytes
        }
    }

    private static func jsonbTakes(_ json: PlainJSON) -> Bool {
        switch json.kind {
        case .string: return json.text.map { !$0.utf8.contains(0) } ?? false
        case .number: return numeric(String(decoding: json.bytes, as: UTF8.self)) != nil
        case .array: return json.elements.allSatisfy(jsonbTakes)
        case .object: return json.members.allSatisfy { jsonbTakes($0.name) && jsonbTakes($0.value) }
        default: return true
        }
    }

    /// A number without its exponent; nil where it is none or has too many digits.
    static func numeric(_ text: String) -> String? {
        guard let match = text.wholeMatch(of: /([-+]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]+))?/) else {
            return nil
        }
        let exponent = Int(match.4 ?? "0") ?? (text.contains("e-") ? -9_999_999 : 9_999_999)
        let (whole, fraction) = (String(match.2), String(match.3 ?? ""))
        guard !(whole + fraction).isEmpty else { return nil }
        let scale = max(0, fraction.count - exponent)
        let significant = (whole + fraction).drop { $0 == "0" }
        guard scale <= 16_383, significant.isEmpty || significant.count - fraction.count + exponent <= 131_072 else {
            return nil
        }
        guard !significant.isEmpty else { return scale == 0 ? "0" : "0." + String(repeating: "0", count: scale) }
        var digits = String(significant) + String(repeating: "0", count: max(0, exponent - fraction.count))
        digits = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
        let point = digits.count - scale
        return (match.1 == "-" ? "-" : "") + digits.prefix(point) + (scale > 0 ? "." + digits.dropFirst(point) : "")
    }

    private static func timestamp(_ text: String) -> String? {
        guard
            let match = text.wholeMatch(
                of: /([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?/
            ), let day = Day(String(match.1)), let hour = Int(match.2), let minute = Int(match.3),
            let second = Int(match.4), hour < 24, minute < 60, second < 60
        else { return nil }
        var fraction = String(match.5 ?? "")
        while fraction.hasSuffix("0") { fraction.removeLast() }
        guard fraction.count <= 6 else { return nil }
        return "\(day) \(match.2):\(match.3):\(match.4)" + (fraction.isEmpty ? "" : "." + fraction)
    }

    // MARK: Binary

    /// Takes rows of the binary format apart, without header and trailer.
    static func decode(_ bytes: [UInt8], _ types: [ColumnType], _ json: CopyJSON) throws -> [[String?]] {
        var rest = bytes[...]
        func number(_ count: Int) throws -> Int64 {
            guard rest.count >= count else { throw Malformed() }
            let value = rest.prefix(count).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            rest = rest.dropFirst(count)
            // Negative numbers come in 16, 32 or 64 bits.
            return Int64(bitPattern: value << UInt64(64 - count * 8)) >> Int64(64 - count * 8)
        }
        var rows: [[String?]] = []
        while !rest.isEmpty {
            guard try number(2) == types.count else { throw Malformed() }
            rows.append(
                try types.map { type in
                    let count = Int(try number(4))
                    guard count >= 0 else { return nil }
                    let after = rest.dropFirst(count)
                    defer { rest = after }
                    switch type {
                    case .text: return String(decoding: rest.prefix(count), as: UTF8.self)
                    case .json:
                        guard json == .jsonb else { return String(decoding: rest.prefix(count), as: UTF8.self) }
                        guard rest.first == 1 else { throw Malformed() }
                        return String(decoding: rest.prefix(count).dropFirst(), as: UTF8.self)
                    case .bool:
                        guard count == 1 else { throw Malformed() }
                        return try number(1) == 1 ? "t" : "f"
                    case .int64:
                        guard count == 8 else { throw Malformed() }
                        return try number(8).description
                    case .double:
                        guard count == 8 else { throw Malformed() }
                        return Double(bitPattern: UInt64(bitPattern: try number(8))).description
                    case .date:
                        guard count == 4 else { throw Malformed() }
                        return Day(number: Int(try number(4)) + 10_957).description
                    case .timestamp:
                        guard count == 8 else { throw Malformed() }
                        return timestamp(microseconds: try number(8))
                    case .decimal:
                        let (groups, weight) = (try number(2), try number(2))
                        let (sign, scale) = (try number(2), Int(try number(2)))
                        guard [0, 0x4000].contains(sign), count == 8 + 2 * groups else { throw Malformed() }
                        let digits = try (0..<groups).map { _ in try number(2) }
                        return numeric(digits, Int(weight), isNegative: sign != 0, scale)
                    }
                }
            )
        }
        return rows
    }

    private static func numeric(_ groups: [Int64], _ weight: Int, isNegative: Bool, _ scale: Int) -> String {
        func text(_ group: Int) -> String {
            let digits = groups.indices.contains(weight - group) ? groups[weight - group].description : ""
            return String(repeating: "0", count: 4 - digits.count) + digits
        }
        let whole = weight >= 0 ? stride(from: weight, through: 0, by: -1).map(text).joined() : ""
        let significant = whole.drop { $0 == "0" }
        var fraction = ""
        var group = -1
        while fraction.count < scale {
            fraction += text(group)
            group -= 1
        }
        return (isNegative ? "-" : "") + (significant.isEmpty ? "0" : significant)
            + (scale > 0 ? "." + fraction.prefix(scale) : "")
    }

    private static func timestamp(microseconds: Int64) -> String {
        func padded(_ value: Int64, _ width: Int) -> String {
            String(repeating: "0", count: max(0, width - value.description.count)) + value.description
        }
        var (days, rest) = microseconds.quotientAndRemainder(dividingBy: 86_400_000_000)
        if rest < 0 { (days, rest) = (days - 1, rest + 86_400_000_000) }
        let seconds = rest / 1_000_000
        var fraction = padded(rest % 1_000_000, 6)
        while fraction.hasSuffix("0") { fraction.removeLast() }
        let clock = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { padded($0, 2) }.joined(separator: ":")
        return "\(Day(number: Int(days) + 10_957)) \(clock)" + (fraction.isEmpty ? "" : "." + fraction)
    }

    // MARK: Text

    /// Takes rows of the text format apart.
    static func parse(_ text: [UInt8]) throws -> [[String?]] {
        var rows: [[String?]] = []
        var row: [String?] = []
        var value: [UInt8]? = []
        var position = 0
        while position < text.count {
            let byte = text[position]
            position += 1
            switch byte {
            case 0x09, 0x0A:
                row.append(value.map { String(decoding: $0, as: UTF8.self) })
                value = []
                if byte == 0x0A {
                    rows.append(row)
                    row = []
                }
            case 0x0D: throw Malformed()
            case UInt8(ascii: "\\"):
                guard position < text.count else { throw Malformed() }
                let letter = text[position]
                position += 1
                switch letter {
                case UInt8(ascii: "N"): value = nil
                case UInt8(ascii: "b"): value?.append(0x08)
                case UInt8(ascii: "f"): value?.append(0x0C)
                case UInt8(ascii: "n"): value?.append(0x0A)
                case UInt8(ascii: "r"): value?.append(0x0D)
                case UInt8(ascii: "t"): value?.append(0x09)
                case UInt8(ascii: "v"): value?.append(0x0B)
                // Digits and `x` begin a byte by its number.
                case UInt8(ascii: "0")...UInt8(ascii: "7"), UInt8(ascii: "x"), 0x0A: throw Malformed()
                default: value?.append(letter)
                }
            default: value?.append(byte)
            }
        }
        guard row.isEmpty, value?.isEmpty ?? false else { throw Malformed() }
        return rows
    }
}
