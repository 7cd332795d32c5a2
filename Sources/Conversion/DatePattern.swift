public import PipelineCore

/// How a date, or a date and time, is written: characters that stand for themselves and directives as of `strptime`.
///
/// `%Y` four digits of the year, `%y` two (69–99 are 1969–1999, 00–68 are 2000–2068), `%m` the month, `%b` its English
/// abbreviation in any case, `%d` the day of the month, `%j` the day of the year, `%H` `%M` `%S` hour, minute and second
/// of a day of 24 hours, `%%` a percent sign. Numbers other than years may leave out leading zeros. Everything else in
/// the text must match to the byte.
public struct DatePattern: Hashable, Sendable {
    private enum Part: Hashable, Sendable {
        case literal(UInt8)
        case number(Field, digits: ClosedRange<Int>)
        case shortYear
        case monthName
    }

    private enum Field: Int, Hashable, Sendable {
        case year, month, day, dayOfYear, hour, minute, second
    }

    private let parts: [Part]

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
                    "format '\(text)': unknown directive '%\(scalar)'; use %Y %y %m %b %d %j %H %M %S or %%"
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
        guard fields.contains(.year), fields.contains(.dayOfYear) != fields.isSuperset(of: [.month, .day]),
            !fields.contains(.dayOfYear) || fields.isDisjoint(with: [.month, .day])
        else {
            throw StageError(
                .schema,
                "format '\(text)': makes no date; name the year, and month and day or the day of the year"
            )
        }
        self.parts = parts
    }

    private static func directive(_ letter: Unicode.Scalar) -> (Part, Field?)? {
        switch letter {
        case "Y": (.number(.year, digits: 4...4), .year)
        case "y": (.shortYear, .year)
        case "m": (.number(.month, digits: 1...2), .month)
        case "b": (.monthName, .month)
        case "d": (.number(.day, digits: 1...2), .day)
        case "j": (.number(.dayOfYear, digits: 1...3), .dayOfYear)
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
        var values: [7 of Int] = [0, 0, 0, 0, 0, 0, 0]
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
            }
        }
        let (hour, minute, second) = (values[4], values[5], values[6])
        guard position == end, hour < 24, minute < 60, second < 60, let day = day(of: values) else { return nil }
        return (day, (hour * 60 + minute) * 60 + second)
    }

    private func day(of values: [7 of Int]) -> Day? {
        let (year, dayOfYear) = (values[0], values[3])
        guard dayOfYear > 0 else { return Day(year: year, month: values[1], day: values[2]) }
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
