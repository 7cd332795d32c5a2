/// Scheme, host and port: what a credential may be sent to.
struct Origin: Sendable, Hashable, CustomStringConvertible {
    var scheme: String
    /// Lower case; an IPv6 address without brackets.
    var host: String
    var port: Int

    var description: String {
        let host = host.contains(":") ? "[\(host)]" : host
        let isDefault = port == (scheme == "https" ? 443 : 80)
        return "\(scheme)://\(host)" + (isDefault ? "" : ":\(port)")
    }

    var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// The origin of an absolute URL; nil for anything else.
    init?(ofURL text: String) {
        guard let base = try? BaseURL(text, allowingQuery: true) else { return nil }
        self = base.origin
    }

    init(scheme: String, host: String, port: Int) {
        (self.scheme, self.host, self.port) = (scheme, host, port)
    }
}

/// An absolute http or https URL that paths are appended to: no user, no query, no fragment, no trailing slash.
struct BaseURL: Sendable, Hashable, CustomStringConvertible {
    var origin: Origin
    /// Empty, or `/` and more, as written.
    var path: String

    var description: String { origin.description + path }

    init(_ text: String, allowingQuery: Bool = false) throws(SupermetricsError) {
        let text = text.trimmingSpaces
        func refuse(_ reason: String) -> SupermetricsError {
            SupermetricsError(.client, "a base URL \(reason)", advice: "write it like https://api.supermetrics.com")
        }
        guard let schemeEnd = text.firstRange(of: "://") else { throw refuse("needs http:// or https://") }
        let scheme = text[..<schemeEnd.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { throw refuse("needs http:// or https://") }
        let rest = text[schemeEnd.upperBound...]
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let authority = rest[..<authorityEnd]
        var path = String(rest[authorityEnd...])
        guard !authority.contains("@") else { throw refuse("must not hold a user name or password") }
        if allowingQuery {
            path = String(path.prefix { $0 != "?" && $0 != "#" })
        } else {
            guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"?#\\".utf8.contains($0) }) else {
                throw refuse("must not hold a query, a fragment or white space")
            }
        }
        while path.hasSuffix("/") { path.removeLast() }
        self.path = path

        var host = authority
        var portText: Substring?
        if authority.hasPrefix("["), let close = authority.firstIndex(of: "]") {
            host = authority[authority.index(after: authority.startIndex)..<close]
            let after = authority[authority.index(after: close)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw refuse("has a malformed host") }
            portText = after.isEmpty ? nil : after.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            portText = authority[authority.index(after: colon)...]
        }
        guard !host.isEmpty else { throw refuse("has no host") }
        let isAddress = authority.hasPrefix("[")
        let hostIsPlain = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: isAddress && byte == UInt8(ascii: ":")
            }
        }
        guard hostIsPlain else { throw refuse("holds characters no host has") }
        var port = scheme == "https" ? 443 : 80
        if let portText {
            guard let number = UInt16(portText), number > 0 else { throw refuse("has a malformed port") }
            port = Int(number)
        }
        origin = Origin(scheme: scheme, host: host.lowercased(), port: port)
    }
}
