import FoundationEssentials

/// Dates as text, without the cost and the locale of a formatter.
enum DateText {
    /// `Wed, 01 Nov 2023 09:05:00 GMT` (RFC 9110, IMF-fixdate).
    static func http(_ date: Date) -> String {
        let (day, time) = split(date)
        let (year, month, number) = day.components
        let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let padded = number < 10 ? "0\(number)" : "\(number)"
        return "\(weekdays[day.isoWeekday - 1]), \(padded) \(months[month - 1]) \(year) \(time) GMT"
    }

    /// `2023-11-01T09:05:00+00:00`, as `cache_time` is written.
    static func iso(_ date: Date) -> String {
        let (day, time) = split(date)
        return "\(day.iso)T\(time)+00:00"
    }

    /// `2023-11-01T09:05:00Z`, as the warehouse and the connector builder write times.
    static func zulu(_ date: Date) -> String {
        let (day, time) = split(date)
        return "\(day.iso)T\(time)Z"
    }

    /// `2023-11-01T09:05:00.250Z`, for what is finer than the API's own times.
    static func milliseconds(_ date: Date) -> String {
        let (day, time) = split(date)
        let seconds = date.timeIntervalSince1970
        var bytes: [UInt8] = []
        bytes.appendDigits(UInt64((seconds - seconds.rounded(.down)) * 1000), width: 3)
        return "\(day.iso)T\(time).\(String(decoding: bytes, as: UTF8.self))Z"
    }

    /// Reads a day, alone or followed by `T` or a space, a time, a fraction of a second and `Z` or an offset; what has
    /// no offset is in UTC.
    static func instant(_ text: String) -> Date? {
        guard let day = CivilDay(iso: text.prefix(10)) else { return nil }
        let midnight = Date(timeIntervalSince1970: Double(day.number) * 86_400)
        var rest = text.dropFirst(10)
        guard let separator = rest.popFirst() else { return midnight }
        guard "Tt ".contains(separator) else { return nil }
        var offset = 0.0
        if rest.last == "Z" || rest.last == "z" {
            rest.removeLast()
        } else if let sign = rest.lastIndex(where: { $0 == "+" || $0 == "-" }) {
            let digits = rest[rest.index(after: sign)...].filter { $0 != ":" }
            guard digits.utf8.count == 4, let number = Int(digits), number >= 0 else { return nil }
            offset = Double(number / 100 * 3600 + number % 100 * 60) * (rest[sign] == "-" ? -1 : 1)
            rest = rest[..<sign]
        }
        let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), let hour = Int(parts[0]), let minute = Int(parts[1]),
            let second = parts.count == 3 ? Double(parts[2]) : 0, (0..<24).contains(hour), (0..<60).contains(minute),
            (0..<61).contains(second)
        else { return nil }
        return midnight.addingTimeInterval(Double(hour * 3600 + minute * 60) + second - offset)
    }

    private static func split(_ date: Date) -> (day: CivilDay, time: String) {
        let seconds = Int(date.timeIntervalSince1970.rounded(.down))
        let day = CivilDay(number: Int((Double(seconds) / 86_400).rounded(.down)))
        let rest = UInt64(seconds - day.number * 86_400)
        var bytes: [UInt8] = []
        bytes.appendDigits(rest / 3600, width: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendDigits(rest / 60 % 60, width: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendDigits(rest % 60, width: 2)
        return (day, String(decoding: bytes, as: UTF8.self))
    }
}
