import ByteCodecs
import PipelineCore

/// The functions of expressions on texts and dates, on one value each.
extension ColumnMachine {
    /// How long a text an expression may make.
    private static let lengthLimit = 16 << 20

    private static func fault(_ cells: Cell...) -> UInt8? {
        cells.lazy.map(\.mark).first { $0 > Mark.null } ?? (cells.contains(where: \.isNull) ? Mark.null : nil)
    }

    static func changed(
        _ cell: Cell,
        _ function: ColumnProgram.TextFunction,
        _ bytes: inout [UInt8],
        _ scratch: inout [UInt8],
        _ fault: UInt8
    ) -> Cell {
        switch function {
        case .trim:
            var range = cell.range
            while let first = range.first, isSpace(bytes[first]) { range = (range.lowerBound + 1)..<range.upperBound }
            while let last = range.last, isSpace(bytes[last]) { range = range.lowerBound..<last }
            return Cell(.raw, over: range)
        case .lower, .upper:
            let letters =
                function == .lower
                ? UInt8(ascii: "A")...UInt8(ascii: "Z") : UInt8(ascii: "a")...UInt8(ascii: "z")
            var (isChanged, isPlain) = (false, true)
            for index in cell.range {
                if letters.contains(bytes[index]) { isChanged = true }
                if bytes[index] >= 0x80 { isPlain = false }
            }
            if isPlain {
                guard isChanged else { return cell }
                let start = bytes.count
                for index in cell.range {
                    let byte = bytes[index]
                    bytes.append(letters.contains(byte) ? byte ^ 0x20 : byte)
                }
                return Cell(.raw, over: start..<bytes.count)
            }
            // Letters beyond ASCII are Unicode's business; they may change their length.
            let text = String(decoding: bytes[cell.range], as: UTF8.self)
            let start = bytes.count
            bytes += (function == .lower ? text.lowercased() : text.uppercased()).utf8
            return Cell(.raw, over: start..<bytes.count)
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

    /// Characters are Unicode scalars and counted from 1, as in PostgreSQL; places before the first count too.
    static func substring(
        _ cell: Cell,
        _ from: ExactDecimal,
        _ count: ExactDecimal?,
        _ bytes: Span<UInt8>,
        _ fault: UInt8
    ) -> Cell {
        let marks = [cell.mark, from.mark, count?.mark ?? Mark.value]
        if let mark = marks.first(where: { $0 > Mark.null }) ?? marks.first(where: { $0 == Mark.null }) {
            return .marked(mark)
        }
        guard let from = from.int, abs(from) < 1 << 40 else { return .marked(fault) }
        var end = Int.max
        if let count {
            guard let count = count.int, count >= 0, count < 1 << 40 else { return .marked(fault) }
            end = from + count
        }
        var place = 0
        var (lower, upper) = (cell.range.upperBound, cell.range.upperBound)
        for index in cell.range where bytes[index] & 0xC0 != 0x80 {
            place += 1
            if place == max(from, 1) { lower = index }
            if place >= end {
                upper = index
                break
            }
        }
        return Cell(.raw, over: min(lower, upper)..<upper)
    }

    /// The field of that number between separators, counted from 1, from the end where it is negative.
    static func part(
        of cell: Cell,
        _ separator: Cell,
        _ place: ExactDecimal,
        _ bytes: Span<UInt8>,
        _ fault: UInt8
    ) -> Cell {
        if let mark = Self.fault(cell, separator) { return .marked(mark) }
        guard place.mark == Mark.value else { return .marked(place.mark) }
        guard var place = place.int, place != 0 else { return .marked(fault) }
        guard separator.length > 0 else { return abs(place) == 1 ? cell : Cell(.raw, over: 0..<0) }
        if place < 0 {
            var fields = 1
            var start = cell.offset
            while let next = bytes.find(separator.range, in: start..<cell.range.upperBound) {
                fields += 1
                start = next + separator.length
            }
            place = fields + place + 1
            guard place > 0 else { return Cell(.raw, over: 0..<0) }
        }
        var start = cell.offset
        while true {
            let next = bytes.find(separator.range, in: start..<cell.range.upperBound)
            place -= 1
            if place == 0 { return Cell(.raw, over: start..<(next ?? cell.range.upperBound)) }
            guard let next else { return Cell(.raw, over: 0..<0) }
            start = next + separator.length
        }
    }

    static func replaced(_ cell: Cell, _ old: Cell, _ new: Cell, _ bytes: inout [UInt8], _ fault: UInt8) -> Cell {
        if let mark = Self.fault(cell, old, new) { return .marked(mark) }
        guard old.length > 0, var found = bytes.span.find(old.range, in: cell.range) else { return cell }
        let begin = bytes.count
        var start = cell.offset
        while true {
            bytes.appendOwn(start..<found)
            bytes.appendOwn(new.range)
            start = found + old.length
            guard bytes.count - begin <= lengthLimit else {
                bytes.removeLast(bytes.count - begin)
                return .marked(fault)
            }
            guard let next = bytes.span.find(old.range, in: start..<cell.range.upperBound) else { break }
            found = next
        }
        bytes.appendOwn(start..<cell.range.upperBound)
        return Cell(.raw, over: begin..<bytes.count)
    }

    /// A text that ends the bytes, and `cell` behind it; a null counts as nothing, a fault stays.
    static func joined(_ text: Cell, _ cell: Cell, _ bytes: inout [UInt8], _ fault: UInt8) -> Cell {
        guard text.kind == .raw, cell.mark <= Mark.null else { return text.kind == .raw ? cell : text }
        guard cell.kind == .raw else { return text }
        guard text.length + cell.length <= lengthLimit else { return .marked(fault) }
        bytes.appendOwn(cell.range)
        return Cell(.raw, over: text.offset..<bytes.count)
    }

    // MARK: Dates

    static func part(_ part: ColumnProgram.DatePart, of cell: Cell, _ bytes: Span<UInt8>) -> ExactDecimal {
        guard cell.kind == .raw else { return ExactDecimal(mark: cell.mark) }
        let places =
            switch part {
            case .year: 0..<4
            case .month: 5..<7
            case .day: 8..<10
            }
        let value = places.reduce(0) { $0 * 10 + Int(bytes[cell.offset + $1] - UInt8(ascii: "0")) }
        return ExactDecimal(coefficient: Int128(value), scale: 0)
    }

    /// The begin of the unit that holds a date or a timestamp, of the same type.
    static func truncated(
        _ cell: Cell,
        _ unit: ColumnProgram.DateUnit,
        isTimestamp: Bool,
        _ bytes: inout [UInt8]
    ) -> Cell {
        let begin = bytes.count
        let date = cell.offset..<(cell.offset + 10)
        switch unit {
        case .day, .hour, .minute: bytes.appendOwn(date)
        case .month:
            bytes.appendOwn(date.prefix(8))
            bytes += "01".utf8
        case .year:
            bytes.appendOwn(date.prefix(5))
            bytes += "01-01".utf8
        case .quarter:
            bytes.appendOwn(date.prefix(5))
            let month = (bytes[cell.offset + 5] - UInt8(ascii: "0")) * 10 + bytes[cell.offset + 6] - UInt8(ascii: "0")
            bytes += ["01-01", "04-01", "07-01", "10-01"][Int(month - 1) / 3].utf8
        case .week:
            let day = DateText.day(bytes.span.extracting(date)) ?? .earliest
            bytes += max(day.startOfWeek, .earliest).description.utf8
        }
        guard isTimestamp else { return Cell(.raw, over: begin..<bytes.count) }
        switch unit {
        case .hour:
            bytes.appendOwn(cell.offset + 10..<cell.offset + 13)
            bytes += ":00:00".utf8
        case .minute:
            bytes.appendOwn(cell.offset + 10..<cell.offset + 16)
            bytes += ":00".utf8
        default: bytes += " 00:00:00".utf8
        }
        return Cell(.raw, over: begin..<bytes.count)
    }
}

extension ColumnProgram.TextForm {
    /// The length without zeros at the end of a second's fraction, so that equal times are equal bytes.
    func length(of cell: Cell, _ bytes: Span<UInt8>) -> Int {
        guard self == .timestamp, cell.length > 19 else { return cell.length }
        var length = cell.length
        while bytes[cell.offset + length - 1] == UInt8(ascii: "0") { length -= 1 }
        return bytes[cell.offset + length - 1] == UInt8(ascii: ".") ? 19 : length
    }

    /// Whether a cell that is not null holds what the column's type promises.
    func holds(_ cell: Cell, _ bytes: Span<UInt8>) -> Bool {
        switch self {
        case .text: return true
        case .date:
            guard cell.length == 10, cell.kind == .text || cell.kind == .raw else { return false }
            return PlainDay.isPlain(bytes, at: cell.offset) || DateText.day(bytes.extracting(cell.range)) != nil
        case .timestamp:
            guard cell.kind == .text || cell.kind == .raw, cell.length >= 19 else { return false }
            return bytes[cell.offset + 10] == UInt8(ascii: " ")
                && DateText.timestamp(bytes.extracting(cell.range)) != nil
        }
    }
}

extension Span<UInt8> {
    /// Where the bytes of `wanted` first stand in `range`; `wanted` is not empty.
    func find(_ wanted: Range<Int>, in range: Range<Int>) -> Int? {
        guard wanted.count <= range.count else { return nil }
        let first = self[wanted.lowerBound]
        var index = range.lowerBound
        while index <= range.upperBound - wanted.count {
            if self[index] == first {
                var length = 1
                while length < wanted.count, self[index + length] == self[wanted.lowerBound + length] { length += 1 }
                if length == wanted.count { return index }
            }
            index += 1
        }
        return nil
    }
}
