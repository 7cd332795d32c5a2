/// Why the rows of a window could not be had although the API answered.
package struct ExtractionError: Error, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The rows are not whole: counts contradict each other, or the API may have cut the result.
        case incomplete
        /// The result has a form that cannot be loaded.
        case unsupported
        /// This machine's clock and the API's are too far apart.
        case clock
    }

    package var code: Code
    /// What failed, why, what to do, and the request id.
    package var description: String

    init(_ code: Code, _ text: String, requestID: String? = nil) {
        self.code = code
        description = requestID.map { "\(text) (request id \($0))" } ?? text
    }
}
