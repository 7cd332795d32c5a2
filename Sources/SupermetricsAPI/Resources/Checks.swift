/// What a parameter may be, by the API's reference: refused here rather than by the API, after a journey.
enum Check {
    /// The id of a team, transfer, run or backfill: a whole number from 1.
    static func id(_ id: Int, _ name: String) throws(SupermetricsError) {
        guard id >= 1 else { throw refusal("\(name) is \(id)", "ids are whole numbers from 1") }
    }

    /// A text that must not be empty.
    static func text(_ text: String, _ name: String, atMost limit: Int) throws(SupermetricsError) {
        guard !text.allSatisfy(\.isWhitespace) else { throw refusal("\(name) is blank", "give it a value") }
        try length(text, name, atMost: limit)
    }

    static func length(_ text: String?, _ name: String, atMost limit: Int) throws(SupermetricsError) {
        guard let text, text.unicodeScalars.count > limit else { return }
        throw refusal("\(name) has \(text.unicodeScalars.count) characters", "\(limit) are allowed")
    }

    /// A text of nothing but these characters.
    static func characters(_ text: String, _ name: String, _ isAllowed: (UInt8) -> Bool, _ allowed: String)
        throws(SupermetricsError)
    {
        guard text.utf8.allSatisfy(isAllowed) else {
            throw refusal("\(name) holds other characters than \(allowed)", nil)
        }
    }

    static func isIDCharacter(_ byte: UInt8) -> Bool {
        isWordCharacter(byte) || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || byte == UInt8(ascii: "-")
    }

    static func isWordCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }

    static func range(_ number: Int?, _ name: String, _ range: ClosedRange<Int>) throws(SupermetricsError) {
        guard let number, !range.contains(number) else { return }
        throw refusal("\(name) is \(number)", "it is \(range.lowerBound) to \(range.upperBound)")
    }

    static func refusal(_ message: String, _ advice: String?) -> SupermetricsError {
        SupermetricsError(.client, message, advice: advice)
    }
}
