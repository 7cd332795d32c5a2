extension APIClient {
    /// The segments that queries can be limited to.
    public var segments: Segments<Self> { Segments(runner: runner) }
}

/// The segments of data sources (`/query/segments`).
public struct Segments<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Lists the segments of a data source: `GET /query/segments`.
    ///
    /// - Parameters:
    ///   - dsID: the data source, for example `GAWA`.
    ///   - loginUsernames: only segments of these logins; empty for all.
    ///   - cacheMinutes: the oldest cached list that will do, 60 to 1440; nil for the API's default.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; ``SegmentList/segments`` of its value has all segments in one list.
    public func list(
        dsID: String,
        loginUsernames: [String] = [],
        cacheMinutes: Int? = nil,
        options: RequestOptions = RequestOptions()
    ) -> Call<SegmentList, Client> {
        call { () throws(SupermetricsError) in
            let json = try DiscoveryQuery.json(dsID, loginUsernames, cacheMinutes)
            return .get("/query/segments", json: json, options: options)
        } decode: { raw throws(ModelError) in
            SegmentList(logins: try raw.models())
        }
    }
}

/// The segments of a data source, by the login that gives access to them.
public struct SegmentList: Sendable, Hashable {
    /// The logins, in the API's order.
    public let logins: [SegmentLogin]

    /// All segments in one list; a segment that two logins reach is there twice.
    public var segments: [Segment] { logins.flatMap(\.segments) }
}

/// One login and the segments it reaches.
public struct SegmentLogin: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// The segments.
    public let segments: [Segment]

    /// Reads a login of the segments endpoint.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        var segments: [Segment] = try json.list("segments")
        for index in segments.indices { segments[index].loginUsername = json.text("ds_user") }
        self.segments = segments
    }

    /// The login's user name, as `ds_user` takes it.
    public var username: String? { json.text("ds_user") }
    /// The login's name for people.
    public var displayName: String? { json.text("display_name") }
    /// When the list was fetched from the data source.
    public var cacheTime: APITime? { json.time("cache_time") }
}

/// One segment of a data source.
public struct Segment: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// The id, as `ds_segments` takes it.
    public let id: String
    /// The user name of the login that reaches it.
    public internal(set) var loginUsername: String?

    /// Reads a segment of the API.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredText("segment_id")
    }

    /// The name for people.
    public var name: String? { json.text("segment_name", "name") }
}
