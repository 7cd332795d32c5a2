import ByteCodecs
import PipelineCore

extension CellConversion {
    /// The day of a `date` column, as `2024-02-29`.
    func date(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        guard let format else {
            guard DateText.day(bytes.span.extracting(value)) != nil else { throw misfit }
            return Cell(.text, over: value)
        }
        guard let (day, _) = format.read(bytes.span, from: value.lowerBound, to: value.upperBound) else { throw misfit }
        return try bytes.cell(.text) { $0.append(day) }
    }

    /// The time of a `timestamp` column, as `2024-02-29 12:00:00` with the digits of its fraction as written.
    func timestamp(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        if let format {
            guard let (day, second) = format.read(bytes.span, from: value.lowerBound, to: value.upperBound) else {
                throw misfit
            }
            return try bytes.cell(.text) { bytes in
                bytes.append(day)
                bytes.append(UInt8(ascii: " "))
                bytes.append(clock: second)
            }
        }
        if DateText.day(bytes.span.extracting(value)) != nil {
            return try bytes.cell(.text) { bytes in
                bytes.appendOwn(value)
                bytes += " 00:00:00".utf8
            }
        }
        guard DateText.timestamp(bytes.span.extracting(value)) != nil else { throw misfit }
        guard value.count <= "2024-02-29 12:00:00.123456".utf8.count else {
            throw Misfit("more than 6 digits of a second")
        }
        let separator = value.lowerBound + 10
        guard bytes[separator] == UInt8(ascii: "T") else { return Cell(.text, over: value) }
        return try bytes.cell(.text) { bytes in
            let start = bytes.count
            bytes.appendOwn(value)
            bytes[start + 10] = UInt8(ascii: " ")
        }
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

    fileprivate mutating func append(clock second: Int) {
        append(second / 3600, width: 2)
        append(UInt8(ascii: ":"))
        append(second / 60 % 60, width: 2)
        append(UInt8(ascii: ":"))
        append(second % 60, width: 2)
    }

    /// Appends `value` as decimal digits, with zeros in front up to `width` of them.
    private mutating func append(_ value: Int, width: Int) {
        var power = (1..<width).reduce(1) { power, _ in power * 10 }
        while power > 0 {
            append(UInt8(ascii: "0") + UInt8(value / power % 10))
            power /= 10
        }
    }
}
