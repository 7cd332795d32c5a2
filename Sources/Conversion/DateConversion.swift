import PipelineCore

extension CellConversion {
    /// The day of a `date` column, as `2024-02-29`.
    func date(_ value: Range<Int>, as format: DatePattern?, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        guard let format else {
            guard value.count == 10, ISODate.isDay(bytes.span, at: value.lowerBound) else { throw misfit }
            return Cell(.text, over: value)
        }
        guard let (day, _) = format.read(bytes.span, from: value.lowerBound, to: value.upperBound) else {
            throw misfit
        }
        return try bytes.cell(.text) { $0.append(day) }
    }

    /// The time of a `timestamp` column, as `2024-02-29 12:00:00` with the digits of its fraction as written.
    func timestamp(_ value: Range<Int>, as format: DatePattern?, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        guard let format else { return try timestamp(value, in: &bytes) }
        guard let (day, second) = format.read(bytes.span, from: value.lowerBound, to: value.upperBound) else {
            throw misfit
        }
        return try bytes.cell(.text) { bytes in
            bytes.append(day)
            bytes.append(UInt8(ascii: " "))
            bytes.append(second / 3600, width: 2)
            bytes.append(UInt8(ascii: ":"))
            bytes.append(second / 60 % 60, width: 2)
            bytes.append(UInt8(ascii: ":"))
            bytes.append(second % 60, width: 2)
        }
    }

    private func timestamp(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        let start = value.lowerBound
        guard value.count >= 10, ISODate.isDay(bytes.span, at: start) else { throw misfit }
        guard value.count > 10 else {
            return try bytes.cell(.text) { bytes in
                bytes.appendOwn(value)
                bytes.append(contentsOf: " 00:00:00".utf8)
            }
        }
        let separator = bytes[start + 10]
        guard separator == UInt8(ascii: " ") || separator == UInt8(ascii: "T"),
            let end = clockEnd(bytes.span, from: start + 11, to: value.upperBound)
        else { throw misfit }
        guard end == value.upperBound else {
            // What follows a whole second or fraction: more digits, or a zone.
            let isDigit = bytes[end] &- UInt8(ascii: "0") <= 9
            throw Misfit(isDigit ? "more than 6 digits of a second" : "a time zone, or no date and time")
        }
        guard separator == UInt8(ascii: "T") else { return Cell(.text, over: value) }
        return try bytes.cell(.text) { bytes in
            for index in value { bytes.append(index == start + 10 ? UInt8(ascii: " ") : bytes[index]) }
        }
    }

    /// Where a time of the form `12:00:00`, with up to six digits of a fraction, ends; nil where there is none.
    private func clockEnd(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int? {
        guard end - start >= 8, bytes[start + 2] == UInt8(ascii: ":"), bytes[start + 5] == UInt8(ascii: ":") else {
            return nil
        }
        for (place, limit) in [(0, 24), (3, 60), (6, 60)] {
            let (tens, ones) = (
                bytes[start + place] &- UInt8(ascii: "0"), bytes[start + place + 1] &- UInt8(ascii: "0")
            )
            guard tens <= 9, ones <= 9, Int(tens) * 10 + Int(ones) < limit else { return nil }
        }
        guard end - start >= 10, bytes[start + 8] == UInt8(ascii: ".") else { return start + 8 }
        var position = start + 9
        while position < min(end, start + 15), bytes[position] &- UInt8(ascii: "0") <= 9 { position += 1 }
        return position > start + 9 ? position : start + 8
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ day: Day) {
        let (year, month, day) = day.civil
        append(year, width: 4)
        append(UInt8(ascii: "-"))
        append(month, width: 2)
        append(UInt8(ascii: "-"))
        append(day, width: 2)
    }
}
