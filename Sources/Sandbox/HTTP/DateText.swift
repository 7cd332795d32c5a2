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
