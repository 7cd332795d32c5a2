import PipelineCore

/// Why a value does not fit; holds nothing of the value.
struct Misfit: Error {
    /// A sentence a user understands.
    let rule: String

    init(_ rule: String) { self.rule = rule }
}

/// What makes the cells of one column fit one type; a class, so that it is handed around without a copy.
final class CellConversion: Sendable {
    /// The column's place in a row.
    let column: Int
    /// Its name, for rejects.
    let name: String
    private let type: ColumnType
    /// How dates are written; nil for ISO 8601.
    let format: DatePattern?
    /// Whether numbers are percentages.
    private let isPercent: Bool
    /// Whether digits beyond a scale are rounded.
    let rounds: Bool
    /// The rule that a value of quite another kind breaks.
    let misfit: Misfit
    /// Which cells need no conversion.
    let fit: CellFit

    /// A conversion of the column at `column` to `type`.
    convenience init(_ column: Int, _ name: String, to type: ColumnType) {
        self.init(column, CastStage.Cast(name, to: type))
    }

    /// A conversion of the column at `column` as a cast says.
    init(_ column: Int, _ cast: CastStage.Cast) {
        self.column = column
        (name, type, rounds) = (cast.column, cast.type, cast.rounds)
        (isPercent, format) =
            switch cast.format {
            case .percent: (true, nil)
            case .pattern(let pattern): (false, pattern)
            case nil: (false, nil)
            }
        let kinds: [Cell.Kind] =
            switch type {
            case .text: [.null, .text, .escaped, .raw]
            case .decimal(nil) where !isPercent: [.null, .number]
            case .bool: [.null, .bool]
            case .json: [.null, .number, .bool, .json]
            case .decimal, .int64, .double, .date, .timestamp: [.null]
            }
        misfit =
            switch type {
            case .text: Misfit("not text")
            case .decimal where isPercent: Misfit("not a percentage")
            case .decimal, .int64, .double: Misfit("not a number")
            case .bool: Misfit("not true or false")
            case .date: Misfit(format == nil ? "not a date" : "not a date of the format")
            case .timestamp:
                Misfit(format == nil ? "not a date and time without a zone" : "not a date and time of the format")
            case .json: Misfit("not JSON")
            }
        fit = CellFit(column: column, kinds: kinds, takesDays: type == .date && format == nil)
    }

    /// The cell that holds the value of `cell` in the type; bytes that it needs anew are appended to `bytes`.
    func convert(_ cell: Cell, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        var value = cell.range
        switch cell.kind {
        case .null: return cell
        case .text, .raw: break
        case .escaped: value = try unescaped(value, in: &bytes).range
        case .number:
            switch type {
            case .text: return Cell(.text, offset: value.lowerBound, length: value.count)
            case .date, .timestamp: guard format != nil else { throw misfit }
            default: break
            }
        case .bool:
            guard type == .text else { throw misfit }
            return Cell(.text, offset: value.lowerBound, length: value.count)
        case .json:
            guard type == .text else { throw misfit }
            return Cell(.raw, offset: value.lowerBound, length: value.count)
        }
        guard !value.isEmpty else { return .null }
        return try convert(value, in: &bytes)
    }

    private func convert(_ written: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        let value = isPercent ? try hundredth(written, in: &bytes) : written
        return switch type {
        case .text: Cell(.raw, over: value)
        case .decimal(nil): try decimal(value, in: &bytes)
        case .decimal(let size?): try decimal(value, sized: size, in: &bytes)
        case .int64: try int64(value, in: &bytes)
        case .double: try double(value, in: &bytes)
        case .bool: try bool(value, in: &bytes)
        case .date: try date(value, in: &bytes)
        case .timestamp: try timestamp(value, in: &bytes)
        case .json: try json(value, in: &bytes)
        }
    }
}
