public import PipelineCore

/// How a date, or a date and time, is written: characters that stand for themselves and directives as of `strptime`.
///
/// `%Y` four digits of the year, `%y` two (69–99 are 1969–1999, 00–68 are 2000–2068), `%m` the month, `%b` its English
/// abbreviation in any case, `%d` the day of the month, `%j` the day of the year, `%G` `%V` year and week of ISO 8601,
/// `%H` `%M` `%S` hour, minute and second of a day of 24 hours, `%z` an offset from UTC (`Z`, `+02:00`, `+0200`), `%%` a
/// percent sign. Numbers other than years may leave out leading zeros. Everything else in the text must match to the
/// byte.
///
/// A month without a day is its first day, a week its Monday. With `%z` the time becomes UTC.
public struct DatePattern: Hashable, Sendable {
    private enum Part: Hashable, Sendable {
        case literal(UInt8)
        case number(Field, digits: ClosedRange<Int>)
        case shortYear
        case monthName
        case offset
    }

    private enum Field: Int, Hashable, Sendable {
        case year, month, day, dayOfYear, hour, minute, second, weekYear, week, offset
    }

    private let parts: [Part]
    private let hasDay: Bool

    /// Reads a pattern, for instance `%d.%m.%Y`.
    ///
    /// - Throws: `StageError` with the code `.schema` where a directive is unknown or the directives make no date.
    public init(_ text: String) throws(StageError) {
        var parts: [Part] = []
        var fields: Set<Field> = []
        var isDirective = false
        for scalar in text.unicodeScalars {
            guard isDirective || scalar == "%" else {
                parts += String(scalar).utf8.map(Part.literal)
                continue
            }
            isDirective.toggle()
            guard !isDirective else { continue }
            guard let (part, field) = DatePattern.directive(scalar) else {
                throw StageError(
                    .schema,
                    "format '\(text)': unknown directive '%\(scalar)'; use %Y %y %m %b %d %j %G %V %H %M %S %z or %%"
                )
            }
            parts.append(part)
            if let field, !fields.insert(field).inserted {
                throw StageError(
                    .schema,
                    "format '\(text)': '%\(scalar)' gives a part of the date twice; leave one out"
                )
            }
        }
        guard !isDirective else {
            throw StageError(.schema, "format '\(text)': ends in '%'; write %% for a percent sign")
        }
        let dates = fields.subtracting([.hour, .minute, .second, .offset])
        guard [[.year, .month, .day], [.year, .month], [.year, .dayOfYear], [.weekYear, .week]].contains(dates)
        else {
            throw StageError(
                .schema,
                "format '\(text)': makes no date; name year, month and day, or year and month, or year and day of the year, or %G and %V"
            )
        }
        self.parts = parts
        hasDay = fields.contains(.day)
    }

    private static func directive(_ letter: Unicode.Scalar) -> (Part, Field?)? {
        switch letter {
        case "Y": (.number(.year, digits: 4...4), .year)
        case "y": (.shortYear, .year)
        case "m": (.number(.month, digits: 1...2), .month)
        case "b": (.monthName, .month)
        case "d": (.number(.day, digits: 1...2), .day)
        case "j": (.number(.dayOfYear, digits: 1...3), .dayOfYear)
        case "G": (.number(.weekYear, digits: 4...4), .weekYear)
        case "V": (.number(.week, digits: 1...2), .week)
        case "z": (.offset, .offset)
        case "H": (.number(.hour, digits: 1...2), .hour)
        case "M": (.number(.minute, digits: 1...2), .minute)
        case "S": (.number(.second, digits: 1...2), .second)
        case "%": (.literal(UInt8(ascii: "%")), nil)
        default: nil
        }
    }

    /// The day and the second of the day that the bytes from `start` up to `end` name; nil where they do not match.
    func read(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> (day: Day, second: Int)? {
        // Indexed by field; the parts of a time that the pattern leaves out are 0.
        var values: [10 of Int] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        var position = start
        for part in parts {
            switch part {
            case .literal(let byte):
                guard position < end, bytes[position] == byte else { return nil }
                position += 1
            case .number(let field, let digits):
                guard let value = number(bytes, from: &position, to: end, digits) else { return nil }
                values[field.rawValue] = value
            case .shortYear:
                guard let value = number(bytes, from: &position, to: end, 2...2) else { return nil }
                values[Field.year.rawValue] = value + (value >= 69 ? 1900 : 2000)
            case .monthName:
                guard position + 3 <= end else { return nil }
                // Letters differ from their capitals in one bit.
                let letters = (0..<3).reduce(0) { $0 << 8 | UInt32(bytes[position + $1] | 0x20) }
                guard let month = DatePattern.months.firstIndex(of: letters) else { return nil }
                values[Field.month.rawValue] = month + 1
                position += 3
            case .offset:
                guard let minutes = offset(bytes, from: &position, to: end) else { return nil }
                values[Field.offset.rawValue] = minutes
            }
        }
        let (hour, minute, second) = (values[4], values[5], values[6])
        guard position == end, hour < 24, minute < 60, second < 60, let day = day(of: values) else { return nil }
        let time = (hour * 60 + minute - values[Field.offset.rawValue]) * 60 + second
        guard time < 0 || time >= 86_400 else { return (day, time) }
        let moved = day.advanced(by: time < 0 ? -1 : 1)
        guard (Day.earliest...Day.latest).contains(moved) else { return nil }
        return (moved, time < 0 ? time + 86_400 : time - 86_400)
    }

    /// Minutes before UTC, of `Z`, `+02:00`, `+0200` or `+02`.
    private func offset(_ bytes: Span<UInt8>, from position: inout Int, to end: Int) -> Int? {
        guard position < end else { return nil }
        let sign = bytes[position]
        position += 1
        if sign == UInt8(ascii: "Z") { return 0 }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            let hours = number(bytes, from: &position, to: end, 2...2), hours <= 15
        else { return nil }
        var minutes = 0
        if position < end, bytes[position] == UInt8(ascii: ":") {
            position += 1
            guard let value = number(bytes, from: &position, to: end, 2...2) else { return nil }
            minutes = value
        } else if let value = number(bytes, from: &position, to: end, 2...2) {
            minutes = value
        }
        guard minutes < 60 else { return nil }
        return (hours * 60 + minutes) * (sign == UInt8(ascii: "-") ? -1 : 1)
    }

    private func day(of values: [10 of Int]) -> Day? {
        let (year, dayOfYear, weekYear, week) = (values[0], values[3], values[7], values[8])
        if weekYear > 0 {
            // The week that holds January 4th is the first (ISO 8601).
            guard week > 0, let january = Day(year: weekYear, month: 1, day: 4) else { return nil }
            let monday = january.startOfWeek.advanced(by: (week - 1) * 7)
            let thursday = monday.advanced(by: 3)
            guard monday >= .earliest, thursday <= .latest, thursday.civil.year == weekYear else { return nil }
            return monday
        }
        guard dayOfYear > 0 else { return Day(year: year, month: values[1], day: hasDay ? values[2] : 1) }
        guard let first = Day(year: year, month: 1, day: 1), let last = Day(year: year, month: 12, day: 31) else {
            return nil
        }
        let day = first.advanced(by: dayOfYear - 1)
        return day <= last ? day : nil
    }

    private func number(
        _ bytes: Span<UInt8>,
        from position: inout Int,
        to end: Int,
        _ digits: ClosedRange<Int>
    ) -> Int? {
        var (value, count) = (0, 0)
        while count < digits.upperBound, position < end {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            value = value * 10 + Int(digit)
            position += 1
            count += 1
        }
        return count >= digits.lowerBound ? value : nil
    }

    private static let months: [UInt32] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ].map { $0.utf8.reduce(0) { $0 << 8 | UInt32($1) } }
}
