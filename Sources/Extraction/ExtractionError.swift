/// Why the rows of a window could not be had although the API answered.
package struct ExtractionError: Error, Sendable, CustomStringConvertible {
    /// What kind of reason it is.
    package enum Code: Hashable, Sendable {
        /// The rows are not whole: counts contradict each other, or the API may have cut the result.
        case incomplete
        /// The result has a form that cannot be loaded.
        case unsupported
        /// This machine's clock and the API's are too far apart.
        case clock
    }

    /// What kind of reason it is.
    package var code: Code
    /// What failed, why, and what to do.
    package var text: String
    /// The API's id of the exchange that showed it.
    package var requestID: String?

    init(_ code: Code, _ text: String, requestID: String? = nil) {
        self.code = code
        self.text = text
        self.requestID = requestID
    }

    /// The text, and the request id where there is one.
    package var description: String { requestID.map { "\(text) (request id \($0))" } ?? text }
}
