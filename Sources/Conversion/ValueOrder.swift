import ByteCodecs
import PipelineCore

/// The order of a column's values: null first, then by what the values mean.
struct ValueOrder: Sendable {
    /// Room for two values.
    struct Scratch {
        fileprivate var (left, right): ([UInt8], [UInt8]) = ([], [])
    }

    private let type: ExpressionType

    /// The order of a column of that type; nil where its values have none.
    init?(_ type: ColumnType) {
        guard let type = ExpressionType(type) else { return nil }
        self.type = type
    }

    /// Whether the value of one cell is less than that of another, each in the bytes of its batch.
    func isOrdered(
        _ left: Cell,
        in leftBytes: [UInt8],
        before right: Cell,
        in rightBytes: [UInt8],
        _ scratch: inout Scratch
    ) -> Bool {
        guard !left.isNull, !right.isNull else { return left.isNull && !right.isNull }
        scratch.left.removeAll(keepingCapacity: true)
        scratch.right.removeAll(keepingCapacity: true)
        left.appendText(in: leftBytes.span, to: &scratch.left)
        right.appendText(in: rightBytes.span, to: &scratch.right)
        switch type {
        case .number: return Self.isNumber(scratch.left.span, lessThan: scratch.right.span)
        case .timestamp:
            scratch.left.trimFractionOfSecond()
            scratch.right.trimFractionOfSecond()
        // The words `false` and `true`, and dates in ISO 8601, stand in the order of their bytes.
        case .text, .bool, .date, .null, .unknown: break
        }
        return scratch.left.lexicographicallyPrecedes(scratch.right)
    }

    /// Compares numbers by their digits, however many there are.
    private static func isNumber(_ left: Span<UInt8>, lessThan right: Span<UInt8>) -> Bool {
        guard let one = DecimalText(left), let other = DecimalText(right) else { return false }
        let (places, otherPlaces) = (one.significantDigits(left), other.significantDigits(right))
        func sign(_ number: DecimalText, _ places: DecimalText.Places) -> Int {
            places.count == 0 ? 0 : number.isNegative ? -1 : 1
        }
        let (sign, otherSign) = (sign(one, places), sign(other, otherPlaces))
        guard sign == otherSign, sign != 0 else { return sign < otherSign }
        guard places.first == otherPlaces.first else { return (places.first < otherPlaces.first) == (sign > 0) }
        for place in stride(from: places.first, through: min(places.last, otherPlaces.last), by: -1) {
            let (digit, otherDigit) = (places.digit(place, left), otherPlaces.digit(place, right))
            guard digit == otherDigit else { return (digit < otherDigit) == (sign > 0) }
        }
        return false
    }
}

extension [UInt8] {
    /// Leaves a time without zeros at the end of its second's fraction, so that equal times have the same bytes.
    mutating func trimFractionOfSecond() {
        guard contains(UInt8(ascii: ".")) else { return }
        while last == UInt8(ascii: "0") { removeLast() }
        if last == UInt8(ascii: ".") { removeLast() }
    }
}
