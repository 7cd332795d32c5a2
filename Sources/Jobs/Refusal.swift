/// Why data were refused although they could have been loaded; the old data stay.
package struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was refused, why, and what to do; never a row's value.
    package var description: String
    /// The same for all windows that are refused for one reason: without row, request or anything else of one window.
    var cause: String

    init(_ description: String, cause: String? = nil) {
        self.description = description
        self.cause = cause ?? description
    }
}
