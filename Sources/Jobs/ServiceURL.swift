import Foundation

/// The rule on the URLs a key may be sent to.
package enum ServiceURL {
    /// What is wrong with a base URL, as the end of a sentence; nil where nothing is.
    ///
    /// Plain http would send the key in the clear, so it is for this machine only, unless allowed. The text itself is
    /// not in the answer.
    package static func problem(with text: String, allowsInsecureHTTP: Bool) -> String? {
        guard let components = URLComponents(string: text), let scheme = components.scheme?.lowercased(),
            let host = components.host, !host.isEmpty, ["http", "https"].contains(scheme)
        else { return "must be an address such as https://api.supermetrics.com" }
        guard components.user == nil, components.password == nil else {
            return "must not hold a user or password; the API key is set apart"
        }
        guard components.query == nil, components.fragment == nil else { return "must not hold '?' or '#'" }
        guard scheme == "https" || allowsInsecureHTTP || isLoopback(host) else {
            return """
                must start with https://: over http:// the API key could be read on the way \
                (allow_insecure_http: true allows it)
                """
        }
        return nil
    }

    private static func isLoopback(_ host: String) -> Bool {
        let name = host.lowercased()
        guard name != "localhost", name != "[::1]", name != "::1" else { return true }
        let octets = name.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return octets.count == 4 && octets[0] == 127 && !octets.contains(nil)
    }
}
