import NIOCore
import NIOHTTP1

extension Fault.Kind {
    /// Whether it is done to a finished answer; the others are the query endpoints' own to act out.
    var damagesAnswer: Bool { !replacesAnswer && !needsRows && self != .named(.failure) }
}

extension Exchange {
    /// The answer a fault gives instead of the endpoint's.
    func answer(replacedBy kind: Fault.Kind) -> Answer {
        var shape = options.errorShape
        let failure: APIFailure
        switch kind {
        case .status(let status): failure = .injected(status, retryAfter: options.retryAfter)
        case .named(.html502): (failure, shape) = (.injected(502, retryAfter: nil), .html)
        case .named(.error200): (failure, shape) = (.injected(500, retryAfter: nil), .ok)
        case .named(.notFound): failure = .statusNotFound
        case .named(.quota):
            failure = APIFailure(429, "API_ROW_QUOTA_EXCEEDED", "The monthly row quota is used up.")
        case .named(.daily):
            failure = APIFailure(
                429,
                "LICENSE_DAILY_QUERY_LIMIT_EXCEEDED",
                "The daily query limit of this data source is used up."
            )
        case .named(.drop):
            var answer = Answer(status: .internalServerError, body: [])
            answer.delivery = .reset
            return answer
        case .named(.redirect): return redirect()
        case .named(.stringError): (failure, shape) = (.injected(500, retryAfter: nil), .string)
        case .named(.problem): (failure, shape) = (.injected(400, retryAfter: nil), .problem)
        case .named: failure = .injected(500, retryAfter: nil)
        }
        return failure.answer(shape: shape, requestID: requestID, style: style)
    }

    private func redirect() -> Answer {
        var answer = Answer(status: .found, body: [])
        let port = service.baseURL.split(separator: ":").last.map(String.init) ?? "80"
        let origin = options.redirectOrigin ?? "http://localhost:\(port)"
        answer.headers.add(name: "Location", value: origin + request.path)
        return answer
    }

    /// The answer with a fault done to it.
    func damage(_ answer: Answer, by kind: Fault.Kind) -> Answer {
        guard case .named(let name) = kind else { return answer }
        var damaged = answer
        switch name {
        case .reset: damaged.delivery = .reset
        case .late504:
            return APIFailure.injected(504, retryAfter: nil).answer(shape: .html, requestID: requestID, style: style)
        case .hang: damaged.delivery = .hang
        case .cut: damaged.delivery = .cut
        case .cutEndOfFile: damaged.delivery = .cutEndOfFile
        case .drip: damaged.delivery = .drip
        case .bomb:
            let accepts = request.header("Accept-Encoding").contains { $0.contains("gzip") || $0.contains("deflate") }
            if accepts, options.compressesAnswers { damaged.delivery = .bomb }
        case .badJSON: damaged.body = answer.body.prefixed(by: answer.bodyLength * 2 / 3)
        case .deep:
            let depth = 100_000
            let body =
                "{\"meta\":{\"status_code\":\"SUCCESS\"},\"data\":" + String(repeating: "[", count: depth)
                + String(repeating: "]", count: depth) + "}"
            damaged = Answer(status: .ok, body: Array(body.utf8))
        case .unknownStatus where [.create, .change, .watch].contains(request.phase):
            return answer.withUnknownStatus(style: style)
        case .unknownStatus:
            var json = JSONWriter(style: style)
            json.object { json in
                json.object("meta") { json in
                    json.string("request_id", requestID)
                    if let id = request.scheduleID { json.string("schedule_id", id) }
                    json.string("status_code", "HIBERNATING")
                }
                json.array("data") { _ in }
            }
            damaged = Answer(status: options.dialect == .scheduled ? .accepted : .ok, body: json.bytes)
        case .html502, .error200, .notFound, .quota, .daily, .drop, .redirect, .stringError, .problem, .failure,
            .shortPage,
            .repeatPage, .changedTotal:
            break
        }
        return damaged
    }
}

extension Answer {
    /// This answer with a `status` nobody has heard of wherever its data had one.
    fileprivate func withUnknownStatus(style: EscapeStyle) -> Answer {
        guard var members = JSONValue.parse(body.flatMap(\.readableBytesView))?.object else { return self }
        func renamed(_ value: JSONValue) -> JSONValue {
            guard case .object(let members) = value, members["status"] != nil else { return value }
            return .object(members.merging(["status": "HIBERNATING"]) { $1 })
        }
        switch members["data"] {
        case .array(let elements): members["data"] = .array(elements.map(renamed))
        case let value: members["data"] = value.map(renamed)
        }
        var json = JSONWriter(style: style)
        json.value(nil, .object(members))
        var answer = self
        answer.body = [ByteBuffer(bytes: json.bytes)]
        return answer
    }
}

extension APIFailure {
    /// An injected status with the code the API uses for it.
    fileprivate static func injected(_ status: Int, retryAfter: Int?) -> APIFailure {
        let code =
            switch status {
            case 400: "BAD_REQUEST"
            case 401: "API_KEY_INVALID"
            case 403: "ACCESS_DENIED"
            case 404: "NOT_FOUND"
            case 409: "CONFLICT_ERROR"
            case 422: "UNPROCESSABLE_ENTITY"
            case 429: "TOO_MANY_REQUESTS"
            case 502, 503, 504: "SERVICE_UNAVAILABLE"
            default: "INTERNAL_SERVER_ERROR"
            }
        return APIFailure(
            status,
            code,
            "This answer was injected by the sandbox.",
            retryAfter: [429, 503].contains(status) ? retryAfter : nil
        )
    }
}

extension [ByteBuffer] {
    /// The first `count` bytes, sharing storage.
    func prefixed(by count: Int) -> [ByteBuffer] {
        var rest = count
        return compactMap { buffer in
            guard rest > 0 else { return nil }
            let taken = Swift.min(rest, buffer.readableBytes)
            rest -= taken
            return buffer.getSlice(at: buffer.readerIndex, length: taken)
        }
    }
}
