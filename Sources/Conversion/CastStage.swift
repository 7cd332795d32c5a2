public import PipelineCore

/// `cast`: makes the values of columns fit another type, without guessing, and without rounding unless that is asked for.
///
/// A null stays null, and an empty text becomes null in every type but `text`. What does not fit makes a bad row:
/// - `text`: fits everything; numbers keep their digits.
/// - `decimal`: a number, or text that is one. `decimal(p,s)`: the same, written with s digits after the point; digits
///   that would be lost do not fit, unless `round: half_even` rounds them, a half to the even digit. `format: percent`
///   reads a percentage, `12.5%` or `12.5`, as the ratio 0.125.
/// - `int64`: a whole number within 64 bits; `12.0` and `1e3` are whole numbers.
/// - `double`: a number within the range of binary64, its digits kept as written.
/// - `bool`: what PostgreSQL takes for one: `true t yes y on 1`, `false f no n off 0`, in any case.
/// - `date`: `2024-02-29`, or what `format` says, such as `%Y|%m` for the API's months.
/// - `timestamp`: `2024-02-29 12:00:00`, with `T` for the space and up to six digits of a fraction if need be; a date
///   alone is its midnight; or what `format` says. A time zone fits only where `format` has `%z`, and becomes UTC.
/// - `json`: a number, `true`, `false`, an array or object, or text that is JSON.
///
/// - Schema: the columns get their types.
/// - Cost per row: a look at each cell that fits as it is, some tens of nanoseconds where it is rewritten; no allocation
///   for numbers in plain digits and dates in ISO 8601.
/// - Example: `cast: {cost: "decimal(18,6)", day: {type: date, format: "%d.%m.%Y"}}`.
public struct CastStage: Stage {
    /// How a column's values are written.
    public enum Format: Hashable, Sendable {
        /// As dates or timestamps of this pattern.
        case pattern(DatePattern)
        /// As percentages.
        case percent
    }

    /// A column and the type it gets.
    public struct Cast: Hashable, Sendable {
        /// The column's name.
        public var column: String
        /// The type it gets.
        public var type: ColumnType
        /// How its values are written; nil for numbers as they are and ISO 8601.
        public var format: Format?
        /// Whether a `decimal(p,s)` rounds digits beyond its scale, half to even.
        public var rounds: Bool

        /// Gives `column` the type `type`.
        public init(_ column: String, to type: ColumnType, format: Format? = nil, rounds: Bool = false) {
            self.column = column
            self.type = type
            self.format = format
            self.rounds = rounds
        }

        /// Gives `column` the type `type`, its dates written in a pattern.
        public init(_ column: String, to type: ColumnType, format: DatePattern?) {
            self.init(column, to: type, format: format.map(Format.pattern))
        }
    }

    private let casts: [Cast]

    /// Gives columns other types.
    public init(_ casts: [Cast]) { self.casts = casts }

    /// Ties the stage to columns; those it names must be there, and only dates and timestamps have a format.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        let positions = try input.positions(of: casts.map(\.column), for: Self.name)
        var output = input
        var conversions: [CellConversion] = []
        for (position, cast) in zip(positions, casts) {
            try Self.require(cast)
            output.columns[position].type = cast.type
            conversions.append(CellConversion(position, cast))
        }
        return BoundConversions(output: output, conversions: conversions, stage: Self.name)
    }

    /// Checks that what a cast says goes together.
    private static func require(_ cast: Cast) throws(StageError) {
        let isMoment = cast.type == .date || cast.type == .timestamp
        var (isDecimal, isSized) = (false, false)
        if case .decimal(let size) = cast.type { (isDecimal, isSized) = (true, size != nil) }
        switch cast.format {
        case .pattern where !isMoment:
            throw StageError(
                .schema,
                "\(name): '\(cast.column)': a format is for date and timestamp, not for \(cast.type); leave it out"
            )
        case .percent where !isDecimal:
            throw StageError(
                .schema,
                "\(name): '\(cast.column)': a percentage becomes a decimal, not \(cast.type); write type: decimal"
            )
        case .pattern, .percent, nil: break
        }
        guard !cast.rounds || isSized else {
            throw StageError(
                .schema,
                "\(name): '\(cast.column)': only a decimal(p,s) is rounded, not \(cast.type); leave round out"
            )
        }
    }
}

extension CastStage: NamedStage {
    static let name = "cast"
    private static let types = [
        "text", "decimal", "decimal(p,s)", "int64", "double", "bool", "date", "timestamp", "json",
    ]

    init(arguments: StageArgument) throws(StageError) {
        var casts: [Cast] = []
        for entry in try arguments.entries(of: Self.name, example: "{cost: \"decimal(18,6)\"}") {
            casts.append(try Self.cast(entry.key, as: entry.value))
        }
        self.init(casts)
    }

    private static func cast(_ column: String, as value: StageArgument) throws(StageError) -> Cast {
        switch value {
        case .text(let type): return Cast(column, to: try self.type(type, of: column))
        case .map(let entries):
            var (type, format, rounds) = (ColumnType?.none, Format?.none, false)
            for entry in entries {
                switch (entry.key, entry.value) {
                case ("type", .text(let text)): type = try self.type(text, of: column)
                case ("format", .text("percent")): format = .percent
                case ("format", .text(let text)): format = .pattern(try self.format(text, of: column))
                case ("round", .text("half_even")): rounds = true
                case ("round", _):
                    throw StageError(.schema, "\(name): '\(column)': the way to round is half_even")
                case ("type", _), ("format", _):
                    throw StageError(.schema, "\(name): '\(column)': \(entry.key) is not text; put it in quotes")
                default:
                    let hint = NearestName.hint(for: entry.key, in: ["type", "format", "round"], called: "keys")
                    throw StageError(.schema, "\(name): '\(column)': there is no key '\(entry.key)'\(hint)")
                }
            }
            if let type { return Cast(column, to: type, format: format, rounds: rounds) }
        default: break
        }
        throw StageError(
            .schema,
            "\(name): '\(column)' has no type; write `\(column): date` or `\(column): {type: date, format: …}`"
        )
    }

    private static func type(_ text: String, of column: String) throws(StageError) -> ColumnType {
        guard let type = ColumnType(text) else {
            let hint =
                text.hasPrefix("decimal(")
                ? "; a size is decimal(p,s) with p from 1 to 1000 and s from 0 to p"
                : NearestName.hint(for: text, in: types, called: "types")
            throw StageError(.schema, "\(name): '\(column)': there is no type '\(text)'\(hint)")
        }
        return type
    }

    private static func format(_ text: String, of column: String) throws(StageError) -> DatePattern {
        do throws(StageError) { return try DatePattern(text) } catch {
            throw StageError(error.code, "\(name): '\(column)': \(error.description)")
        }
    }
}
