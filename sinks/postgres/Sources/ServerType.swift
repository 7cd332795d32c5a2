#if Postgres
import PipelineCore

/// A column's type as `format_type` of the server writes it, as far as rows can be loaded into it unaltered.
struct ServerType: Hashable, Sendable, CustomStringConvertible {
    /// As the server writes it: `numeric(18,6)`, `timestamp without time zone`.
    let description: String

    init(_ description: String) { self.description = description }

    /// The type that columns made by sluice have.
    init(landing type: ColumnType) {
        switch type {
        case .text: self.init("text")
        case .decimal(nil): self.init("numeric")
        case .decimal(let size?): self.init("numeric(\(size.precision),\(size.scale))")
        case .int64: self.init("bigint")
        case .double: self.init("double precision")
        case .bool: self.init("boolean")
        case .date: self.init("date")
        case .timestamp: self.init("timestamp without time zone")
        case .json: self.init("json")
        }
    }

    /// What must happen to a column of this type before values of `type` land in it unaltered.
    enum Fit: Hashable, Sendable {
        /// Nothing; `isExact` where the type is the one sluice would have chosen, whose binary form is known.
        case fits(isExact: Bool)
        /// Its type can be widened to this one without rewriting the table.
        case widens(to: ServerType)
        /// The table would have to be rewritten.
        case needsRewrite
    }

    func fit(_ type: ColumnType) -> Fit {
        let own = ServerType(landing: type)
        if self == own { return .fits(isExact: true) }
        switch type {
        case .text:
            // A text that is too long for it is a bad row; nothing is cut.
            return description == "character varying" || description.hasPrefix("character varying(")
                ? .fits(isExact: false) : .needsRewrite
        case .decimal(let wanted):
            guard let held = digits else { return .needsRewrite }
            guard let size = held, description != "numeric" else { return .fits(isExact: false) }
            guard let wanted else { return .widens(to: own) }
            if wanted.scale <= size.scale, wanted.precision - wanted.scale <= size.precision - size.scale {
                return .fits(isExact: false)
            }
            // PostgreSQL checks no row when only digits before the point are added ("ALTER TABLE", Notes).
            return wanted.scale == size.scale && wanted.precision > size.precision
                ? .widens(to: own) : .widens(to: ServerType("numeric"))
        case .int64:
            // Numbers that are too large for it are bad rows; nothing is altered.
            if ["numeric", "integer", "smallint"].contains(description) { return .fits(isExact: false) }
            guard case .some(.some(let size)) = digits, size.precision - size.scale >= 19 else {
                return .needsRewrite
            }
            return .fits(isExact: false)
        case .json: return description == "jsonb" ? .fits(isExact: false) : .needsRewrite
        case .double, .bool, .date, .timestamp: return .needsRewrite
        }
    }

    /// The most characters of a `character varying(n)`; nil where the type is another.
    var characters: Int? {
        let name = "character varying("
        guard description.hasPrefix(name), description.hasSuffix(")") else { return nil }
        return Int(description.dropFirst(name.count).dropLast())
    }

    /// The digits of a `numeric`: nil where the type is another, an inner nil where it keeps any number of them.
    private var digits: DecimalSize?? {
        if description == "numeric" { return .some(nil) }
        guard description.hasPrefix("numeric("), description.hasSuffix(")") else { return nil }
        let numbers = description.dropFirst(8).dropLast().split(separator: ",").map { Int($0) }
        guard numbers.count == 2, let precision = numbers[0], let scale = numbers[1],
            let size = DecimalSize(precision: precision, scale: scale)
        else { return nil }
        return .some(size)
    }
}
#endif
