/// A point in time in UTC, to the millisecond.
///
/// Its text is RFC 3339 with milliseconds, `2024-02-29T12:00:00.000Z`.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public let milliseconds: Int64

    /// The point `milliseconds` after 1970-01-01T00:00:00Z.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Midnight UTC of `day`, and `seconds` more.
    public init(_ day: Day, plusSeconds seconds: Int = 0) {
        milliseconds = (Int64(day.number) * 86_400 + Int64(seconds)) * 1000
    }

    /// Reads what `description` writes, the fraction optional; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.last == UInt8(ascii: "Z"), let day = Day(String(text.prefix(10))) else { return nil }
        let clock = text.dropFirst(10).dropLast().utf8
        guard clock.first == UInt8(ascii: "T"), clock.count >= 9, clock.count <= 13, clock.count != 10 else {
            return nil
        }
        let bytes = Array(clock)
        func digits(_ range: Range<Int>) -> Int? {
            bytes[range].reduce(Int?.some(0)) { value, byte in
                guard let value, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
                return value * 10 + Int(byte - UInt8(ascii: "0"))
            }
        }
        guard let hour = digits(1..<3), let minute = digits(4..<6), let second = digits(7..<9), hour < 24, minute < 60,
            second < 61, bytes[3] == UInt8(ascii: ":"), bytes[6] == UInt8(ascii: ":")
        else { return nil }
        var fraction = 0
        if bytes.count > 10 {
            guard bytes[9] == UInt8(ascii: "."), let value = digits(10..<bytes.count) else { return nil }
            fraction = [0, 100, 10, 1][bytes.count - 10] * value
        }
        let seconds = Int64(day.number) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
        milliseconds = seconds * 1000 + Int64(fraction)
    }

    /// The UTC day that holds this point.
    public var day: Day {
        let seconds = milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
        return Day(number: Int(seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400))
    }

    /// Seconds from `other` to this point, negative where this one is earlier.
    public func seconds(since other: Timestamp) -> Double { Double(milliseconds - other.milliseconds) / 1000 }

    /// The point `seconds` later.
    public func adding(seconds: Int) -> Timestamp { Timestamp(milliseconds: milliseconds + Int64(seconds) * 1000) }

    /// Earlier points come first.
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    /// RFC 3339 in UTC with milliseconds.
    public var description: String {
        let rest = Int(milliseconds - Int64(day.number) * 86_400_000)
        func padded(_ value: Int, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let clock = [rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60].map { padded($0, 2) }
        return "\(day)T\(clock[0]):\(clock[1]):\(clock[2]).\(padded(rest % 1000, 3))Z"
    }
}

extension Timestamp: Codable {
    /// Decodes the RFC 3339 text.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Timestamp(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an RFC 3339 time in UTC")
        }
        self = value
    }

    /// Encodes the RFC 3339 text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
