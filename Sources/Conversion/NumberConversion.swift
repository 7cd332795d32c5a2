import PipelineCore

extension CellConversion {
    /// The number of a `decimal` column: its own bytes where JSON allows them, otherwise rewritten.
    func decimal(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        guard PlainNumber(bytes.span, value) == nil else { return Cell(.number, over: value) }
        return try verbatim(number(value, in: bytes), value, in: &bytes)
    }

    /// The number of a `decimal(p,s)` column, with all of its s digits behind the point.
    func decimal(_ value: Range<Int>, sized size: DecimalSize, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        let places = size.precision - size.scale
        if let plain = PlainNumber(bytes.span, value), plain.integerDigits <= places, plain.fractionDigits <= size.scale
        {
            return try padded(plain, value, to: size.scale, in: &bytes)
        }
        let number = try number(value, in: bytes)
        guard number.fractionDigits <= size.scale else {
            throw Misfit("more than \(size.scale) digits after the point")
        }
        guard number.integerDigits <= places else { throw Misfit("more than \(places) digits before the point") }
        return try bytes.cell(.number) { number.append(withScale: size.scale, to: &$0) }
    }

    /// The number of an `int64` column, as plain digits.
    func int64(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        if let plain = PlainNumber(bytes.span, value), plain.fractionDigits == 0, plain.integerDigits <= 18 {
            return Cell(.number, over: value)
        }
        let number = try number(value, in: bytes)
        guard number.fractionDigits == 0 else { throw Misfit("not a whole number") }
        let outOfRange = Misfit("not within the range of 64 bits")
        guard number.integerDigits <= 19 else { throw outOfRange }
        let cell = try bytes.cell(.number) { number.append(withScale: 0, to: &$0) }
        let magnitude = bytes[cell.range].drop { $0 == UInt8(ascii: "-") }
            .reduce(0 as UInt64) { $0 * 10 + UInt64($1 - UInt8(ascii: "0")) }
        guard magnitude <= Int64.max.magnitude + (number.isNegative ? 1 : 0) else { throw outOfRange }
        return cell
    }

    /// The number of a `double` column, its digits as written.
    func double(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        if let plain = PlainNumber(bytes.span, value), plain.integerDigits <= 308, plain.fractionDigits <= 308 {
            return Cell(.number, over: value)
        }
        let number = try number(value, in: bytes)
        // From 1e-323 up to 1e308 all is within the range; what is nearer to its ends needs a look at all digits.
        if !number.isZero, !(-322...308).contains(number.integerDigits) {
            let text = String(decoding: bytes[value], as: UTF8.self)
            guard let double = Double(text), double.isFinite, double != 0 else {
                throw Misfit("not within the range of a double")
            }
        }
        return try verbatim(number, value, in: &bytes)
    }

    private func number(_ value: Range<Int>, in bytes: [UInt8]) throws(Misfit) -> DecimalText {
        guard let number = DecimalText(bytes.span, value) else { throw misfit }
        return number
    }

    private func verbatim(_ number: DecimalText, _ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        guard !number.isJSON else { return Cell(.number, over: value) }
        return try bytes.cell(.number) { number.appendVerbatim(to: &$0) }
    }

    private func padded(
        _ plain: PlainNumber,
        _ value: Range<Int>,
        to scale: Int,
        in bytes: inout [UInt8]
    ) throws(Misfit) -> Cell {
        guard plain.fractionDigits < scale else { return Cell(.number, over: value) }
        return try bytes.cell(.number) { bytes in
            bytes.appendOwn(value)
            if plain.fractionDigits == 0 { bytes.append(UInt8(ascii: ".")) }
            for _ in plain.fractionDigits..<scale { bytes.append(UInt8(ascii: "0")) }
        }
    }
}
