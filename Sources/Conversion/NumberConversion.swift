import ByteCodecs
import PipelineCore

extension CellConversion {
    /// The number of a `decimal` column: its own bytes where JSON allows them, otherwise rewritten.
    func decimal(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        guard PlainNumber(bytes.span, value) == nil else { return Cell(.number, over: value) }
        let text = Array(bytes[value])
        guard let number = DecimalText(text.span) else { throw misfit }
        guard !DecimalText.isJSONNumber(text.span) else { return Cell(.number, over: value) }
        var written: [UInt8] = []
        number.appendJSONNumber(text.span, to: &written)
        return try bytes.cell(.number) { $0 += written }
    }

    /// The number of a `decimal(p,s)` column, with all of its s digits behind the point.
    func decimal(_ value: Range<Int>, sized size: DecimalSize, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        if let plain = PlainNumber(bytes.span, value), plain.integerDigits <= size.precision - size.scale,
            plain.fractionDigits <= size.scale
        {
            guard plain.fractionDigits < size.scale else { return Cell(.number, over: value) }
            return try bytes.cell(.number) { bytes in
                bytes.appendOwn(value)
                bytes.pad(fraction: plain.fractionDigits, to: size.scale)
            }
        }
        let text = Array(bytes[value])
        guard let number = DecimalText(text.span) else { throw misfit }
        var written: [UInt8] = []
        switch number.fit(size, text.span, to: &written) {
        case .tooLarge:
            guard rounds, number.round(to: size, text.span, into: &written) else {
                throw Misfit("more digits than \(ColumnType.decimal(size)) holds")
            }
            return try bytes.cell(.number) { $0 += written }
        case .asWritten:
            // Of numbers that fit as they are, only a zero with a sign is not plain.
            return try decimal(value.dropFirst(), sized: size, in: &bytes)
        case .rewritten:
            let point = written.firstIndex(of: UInt8(ascii: ".")) ?? written.count - 1
            return try bytes.cell(.number) { bytes in
                bytes += written
                bytes.pad(fraction: written.count - 1 - point, to: size.scale)
            }
        }
    }

    /// The number that a percentage is as a ratio, written anew.
    func hundredth(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Range<Int> {
        var text = Array(bytes[value])
        if text.last == UInt8(ascii: "%") { text.removeLast() }
        while text.last == UInt8(ascii: " ") { text.removeLast() }
        guard let number = DecimalText(text.span) else { throw misfit }
        var written: [UInt8] = []
        guard number.appendHundredth(text.span, to: &written) else { throw misfit }
        return try bytes.cell(.number) { $0 += written }.range
    }

    /// The number of an `int64` column, as plain digits.
    func int64(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        if let plain = PlainNumber(bytes.span, value), plain.fractionDigits == 0, plain.integerDigits <= 18 {
            return Cell(.number, over: value)
        }
        let text = Array(bytes[value])
        guard let number = DecimalText(text.span) else { throw misfit }
        guard let whole = number.int64(text.span) else { throw Misfit("not a whole number within 64 bits") }
        return try bytes.cell(.number) { $0 += whole.description.utf8 }
    }

    /// The number of a `double` column, its digits as written.
    func double(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        if let plain = PlainNumber(bytes.span, value), plain.integerDigits <= 308, plain.fractionDigits <= 308 {
            return Cell(.number, over: value)
        }
        let cell = try decimal(value, in: &bytes)
        // A zero that was not written as one is a number too small for a double.
        let digits = bytes[cell.range].prefix { $0 | 0x20 != UInt8(ascii: "e") }
        let isZero = !digits.contains { $0 > UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        guard let double = Double(String(decoding: bytes[cell.range], as: UTF8.self)), double.isFinite,
            isZero || double != 0
        else { throw Misfit("not within the range of a double") }
        return cell
    }
}

extension [UInt8] {
    /// Appends zeros behind a number that ends in `count` digits behind its point, up to `scale` of them.
    fileprivate mutating func pad(fraction count: Int, to scale: Int) {
        guard count < scale else { return }
        if count == 0 { append(UInt8(ascii: ".")) }
        for _ in count..<scale { append(UInt8(ascii: "0")) }
    }
}
