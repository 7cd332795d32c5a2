public import PipelineCore

/// `cast`: makes the values of columns fit another type, without rounding and without guessing.
///
/// A null stays null, and an empty text becomes null in every type but `text`. What does not fit makes a bad row:
/// - `text`: fits everything; numbers keep their digits.
/// - `decimal`: a number, or text that is one. `decimal(p,s)`: the same, written with s digits after the point; digits
///   that would be lost do not fit.
/// - `int64`: a whole number within 64 bits; `12.0` and `1e3` are whole numbers.
/// - `double`: a number within the range of binary64, its digits kept as written.
/// - `bool`: what PostgreSQL takes for one: `true t yes y on 1`, `false f no n off 0`, in any case.
/// - `date`: `2024-02-29`, or what `format` says.
/// - `timestamp`: `2024-02-29 12:00:00`, with `T` for the space and up to six digits of a fraction if need be; a date
///   alone is its midnight; or what `format` says. A time zone does not fit.
/// - `json`: a number, `true`, `false`, an array or object, or text that is JSON.
public struct CastStage: Stage {
    /// A column and the type it gets.
    public struct Cast: Hashable, Sendable {
        /// The column's name.
        public var column: String
        /// The type it gets.
        public var type: ColumnType
        /// How a `date` or `timestamp` is written; nil for ISO 8601.
        public var format: DatePattern?

        /// Gives `column` the type `type`.
        public init(_ column: String, to type: ColumnType, format: DatePattern? = nil) {
            self.column = column
            self.type = type
            self.format = format
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
            guard cast.format == nil || cast.type == .date || cast.type == .timestamp else {
                throw StageError(
                    .schema,
                    "\(Self.name): '\(cast.column)': a format is for date and timestamp, not for \(cast.type); "
                        + "leave it out"
                )
            }
            output.columns[position].type = cast.type
            conversions.append(CellConversion(position, cast.column, to: cast.type, format: cast.format))
        }
        return BoundConversions(output: output, conversions: conversions)
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
            var (type, format) = (ColumnType?.none, DatePattern?.none)
            for entry in entries {
                switch (entry.key, entry.value) {
                case ("type", .text(let text)): type = try self.type(text, of: column)
                case ("format", .text(let text)): format = try self.format(text, of: column)
                case ("type", _), ("format", _):
                    throw StageError(.schema, "\(name): '\(column)': \(entry.key) is not text; put it in quotes")
                default:
                    let hint = NearestName.hint(for: entry.key, in: ["type", "format"], called: "keys")
                    throw StageError(.schema, "\(name): '\(column)': there is no key '\(entry.key)'\(hint)")
                }
            }
            if let type { return Cast(column, to: type, format: format) }
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
