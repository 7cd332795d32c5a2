/// A request as it would be sent, without the credential and without the values of fields of the caller's own.
public struct RequestPreview: Sendable, Hashable {
    /// The HTTP method.
    public let method: String
    /// The absolute URL, its query included.
    public let url: String
    /// The header fields; secrets are replaced by `[redacted]`.
    public let headers: HeaderFields
    /// The body; nil where there is none.
    public let body: String?
}

extension RequestPreview: CustomStringConvertible {
    /// The request in the form of HTTP/1.1: request line, fields, an empty line and the body.
    public var description: String {
        let lines = ["\(method) \(url)"] + headers.fields.map { "\($0.name): \($0.value)" }
        return lines.joined(separator: "\n") + "\n" + (body.map { "\n\($0)\n" } ?? "")
    }
}

extension RequestExecutor {
    func preview(_ request: APIRequest) -> RequestPreview {
        let destination = router.destination(of: request.path)
        var headers = ownHeaders(for: request, compressed: compression.isWanted(by: destination.origin))
        headers.override(with: customHeaders.mapValues { _ in "[redacted]" })
        headers.override(with: request.headers)
        headers.override(with: request.options.headers.mapValues { _ in "[redacted]" })
        headers["Authorization"] = "[redacted]"
        return RequestPreview(
            method: request.method.rawValue,
            url: destination.url + request.encodedQuery,
            headers: headers,
            body: request.encodedBody.map { String(decoding: $0.bytes, as: UTF8.self) }
        )
    }
}
