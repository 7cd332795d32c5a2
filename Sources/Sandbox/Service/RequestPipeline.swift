import FoundationEssentials
import NIOCore
import NIOHTTP1

/// Takes a request through recording, limits, credentials and faults to its endpoint, and the answer back.
struct RequestPipeline: Sendable {
    let service: SandboxService

    /// A request as HTTP delivered it.
    struct Incoming: Sendable {
        var head: HTTPRequestHead
        var body: [UInt8]
    }

    /// Answers one request; throws only when the connection is gone or the sandbox is stopped.
    func answer(_ incoming: Incoming) async throws -> Answer {
        let options = service.options
        let uri = incoming.head.uri
        let path = String(uri.prefix { $0 != "?" })
        let matches = Route.matches(path)
        let match = matches.first { $0.route.methods.contains(incoming.head.method.rawValue) }
        let area = match?.route.area ?? .core
        let requestID = service.makeRequestID(area)
        let decoded = Result { () throws(APIFailure) in
            try RequestParameters.decode(
                queryString: uri.dropFirst(path.count + 1),
                contentType: incoming.head.headers.first(name: "Content-Type") ?? "",
                body: incoming.body,
                collectsRepeated: options.collectsRepeatedParameters
            )
        }
        let parameters = (try? decoded.get()) ?? RequestParameters()
        var request = RecordedRequest(
            number: 0,
            date: options.now(),
            method: incoming.head.method.rawValue,
            path: path,
            endpoint: match?.endpoint ?? path,
            headers: incoming.head.headers.map { ($0.name, $0.value) },
            parameters: parameters.values.mapValues(\.summary),
            phase: match?.route.phase(parameters) ?? .discovery,
            requestID: requestID,
            scheduleID: parameters.text("schedule_id")
        )
        if area != .sandbox { request.number = service.record(request) }
        let exchange = Exchange(
            service: service,
            options: options,
            requestID: requestID,
            request: request,
            parameters: parameters,
            segments: match?.segments ?? [:],
            credential: Self.credential(incoming.head.headers, parameters)
        )

        if area == .sandbox, let match {
            do {
                return try await match.route.handler(exchange)
            } catch let failure as APIFailure {
                return failure.answer(shape: .envelope, requestID: requestID, style: options.escapeStyle)
            }
        }
        var (headers, refusal) = service.admit()
        if options.latency > .zero {
            try await service.wait(until: options.now().addingTimeInterval(options.latency / .seconds(1)))
        }
        var answer: Answer
        do {
            if let refusal { throw refusal }
            _ = try decoded.get()
            guard let match else { throw Self.notRouted(path, incoming.head.method, matches) }
            try Self.check(exchange, against: match.route)
            if let fault = exchange.drawFault(where: \.replacesAnswer) {
                answer = exchange.answer(replacedBy: fault.kind)
            } else {
                answer = try await match.route.handler(exchange)
                let carriesRows = answer.carriesRows
                if let fault = exchange.drawFault(carriesRows: carriesRows, where: \.damagesAnswer) {
                    service.noteFault(fault, request: request.number)
                    answer = exchange.damage(answer, by: fault.kind)
                }
            }
        } catch let failure as APIFailure {
            answer = failure.answer(shape: options.errorShape, requestID: requestID, style: options.escapeStyle)
        }
        headers += [("X-Request-Id", requestID), ("Date", DateText.http(options.now()))]
        for (name, value) in headers { answer.headers.replaceOrAdd(name: name, value: value) }
        let status = Int(answer.status.code)
        service.amend(request.number) { $0.status = status }
        return answer
    }

    private static func notRouted(_ path: String, _ method: HTTPMethod, _ matches: [Route.Match]) -> APIFailure {
        matches.isEmpty
            ? APIFailure(404, "NOT_FOUND", "Nothing is served at \(path).")
            : APIFailure(405, "METHOD_NOT_ALLOWED", "\(method.rawValue) is not served at \(path).")
    }

    private static func check(_ exchange: Exchange, against route: Route) throws(APIFailure) {
        guard let credential = exchange.credential else {
            throw APIFailure(401, "API_KEY_REQUIRED", "An API key is required.")
        }
        guard credential == exchange.options.apiKey else {
            // The warehouse takes what comes with Bearer for an access token.
            let isToken = exchange.request.header("Authorization").first?.lowercased().hasPrefix("bearer ") ?? false
            throw route.area == .warehouse && isToken
                ? APIFailure(401, "ACCESS_TOKEN_INVALID", "The access token is not valid.")
                : APIFailure(401, "API_KEY_INVALID", "The API key is not valid.")
        }
        guard route.refusesUnknown || exchange.options.rejectsUnknownParameters else { return }
        let unknown = exchange.parameters.values.keys.filter { !route.parameters.contains($0) }.sorted()
        if let name = unknown.first { throw .invalid(name, "this parameter is not known.") }
    }

    /// `Authorization: Bearer KEY`, `Authorization: KEY`, or the parameter `api_key`.
    private static func credential(_ headers: HTTPHeaders, _ parameters: RequestParameters) -> String? {
        guard let header = headers.first(name: "Authorization") else { return parameters.text("api_key") }
        let words = header.split(separator: " ")
        return (words.count == 2 && words[0].lowercased() == "bearer" ? words[1] : words.first).map(String.init)
    }
}
