/// Which base a path belongs to, and the URL it becomes ("Supermetrics API: hosts and routing").
///
/// Queries, discovery and the rest of the core live at `https://api.supermetrics.com`; transfers, runs, backfills,
/// connections and destinations at `https://dts-api.supermetrics.com/v1`. Only the production base is split that way:
/// a custom base is taken literally for every request, unless a DTS base is given as well.
struct Router: Sendable {
    static let productionCore = "https://api.supermetrics.com"
    static let productionDTS = "https://dts-api.supermetrics.com"

    private let core: BaseURL
    private let dts: BaseURL?
    private let queryPathPrefix: String

    init(baseURL: String, dtsBaseURL: String?, queryPathPrefix: String) throws(SupermetricsError) {
        core = try BaseURL(baseURL)
        if let dtsBaseURL {
            dts = try Self.versioned(BaseURL(dtsBaseURL))
        } else if try core == BaseURL(Self.productionCore) {
            dts = try Self.versioned(BaseURL(Self.productionDTS))
        } else {
            dts = nil
        }
        guard ["", "/v2", "/enterprise/v2"].contains(queryPathPrefix) else {
            throw SupermetricsError(
                .client,
                "the query path prefix is none the API knows",
                advice: "use \"\", \"/v2\" or \"/enterprise/v2\""
            )
        }
        self.queryPathPrefix = queryPathPrefix
    }

    /// Every origin a credential may be sent to.
    var origins: Set<Origin> { Set([core.origin, dts?.origin].compactMap(\.self)) }

    /// Where transfers and backfills are.
    var warehouseOrigin: Origin { (dts ?? core).origin }

    func destination(of path: APIPath) -> Destination {
        if let dts, path.isDTS { return Destination(base: dts, path: path.encoded) }
        return Destination(base: core, path: (path.takesQueryPrefix ? queryPathPrefix : "") + path.encoded)
    }

    private static func versioned(_ base: BaseURL) -> BaseURL {
        var base = base
        if !base.path.hasSuffix("/v1") { base.path += "/v1" }
        return base
    }
}

/// A URL without its query, and the path that errors name.
struct Destination: Sendable, Hashable {
    let base: BaseURL
    let path: String

    var origin: Origin { base.origin }
    var url: String { base.description + path }
}

/// A path of the API, segment by segment, so that an id can never change its shape.
struct APIPath: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    private let segments: [String]

    init(_ segments: [String]) {
        self.segments = segments
    }

    /// A fixed path such as `/query/status`.
    init(stringLiteral value: String) {
        self.init(Self.split(value))
    }

    /// A path with ids: every interpolated value is encoded as part of one segment.
    init(stringInterpolation: StringInterpolation) {
        self.init(Self.split(stringInterpolation.text))
    }

    private static func split(_ text: String) -> [String] {
        text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    }

    struct StringInterpolation: StringInterpolationProtocol {
        var text = ""

        init(literalCapacity: Int, interpolationCount: Int) {}

        mutating func appendLiteral(_ literal: String) {
            text += literal
        }

        mutating func appendInterpolation(_ id: some CustomStringConvertible) {
            let encoded = PercentEncoding.encode(id.description)
            // A segment of dots alone would be resolved away (RFC 3986, section 5.2.4).
            text += encoded.allSatisfy { $0 == "." } ? String(repeating: "%2E", count: encoded.count) : encoded
        }
    }

    var encoded: String { "/" + segments.joined(separator: "/") }

    var takesQueryPrefix: Bool { segments.first == "query" || segments.first == "queries" || segments.first == "ds" }

    var isDTS: Bool {
        let resources = ["transfers", "transfer_runs", "backfills", "data-source-connections", "destinations"]
        return segments.count >= 3 && segments[0] == "teams" && resources.contains(segments[2])
    }
}
