/// One call of the API, described and not yet sent.
///
/// Resources make calls, such as `client.backfills.get(teamID: 1, backfillID: 2)`; nothing leaves the process until
/// one of the call's answers is asked for:
///
/// - `value` for what the API says,
/// - `response` for that and the answer it came in: status, header fields, request id, rate limits,
/// - `raw` for the answer alone, whatever shape its body has,
/// - ``preview`` for the request as it would be sent.
///
/// With a ``SupermetricsClient`` the first three are asynchronous, with a ``SupermetricsBlockingClient`` they block.
/// Parameters the API would refuse are refused when an answer is asked for, before anything is sent. Asking again sends
/// again.
public struct Call<Value: Sendable, Client: APIClient>: Sendable {
    typealias Perform = @Sendable (RequestExecutor, APIRequest) async throws(SupermetricsError) -> Response<Value>

    let runner: CallRunner
    let request: Result<APIRequest, SupermetricsError>
    private let perform: Perform

    /// A call of more than one request, beginning with `request`.
    init(
        _ runner: CallRunner,
        _ request: () throws(SupermetricsError) -> APIRequest,
        perform: @escaping Perform
    ) {
        self.runner = runner
        self.request = Result { () throws(SupermetricsError) in try request() }
        self.perform = perform
    }

    /// A call of one request, whose answer is read by `decode`.
    init(
        _ runner: CallRunner,
        _ request: () throws(SupermetricsError) -> APIRequest,
        decode: @escaping @Sendable (RawResponse) throws(ModelError) -> Value
    ) {
        self.init(runner, request) { (executor, request) async throws(SupermetricsError) in
            let raw = try await executor.json(request)
            return Response(value: try raw.read(decode), raw: raw)
        }
    }

    /// The request this call begins with, as it would be sent, without the credential; nothing is sent.
    ///
    /// - Throws: ``SupermetricsError`` of kind `client` for parameters the API would refuse.
    public var preview: RequestPreview {
        get throws(SupermetricsError) { runner.executor.preview(try request.get()) }
    }

    func run() async throws(SupermetricsError) -> Response<Value> {
        try await perform(runner.executor, request.get())
    }

    func runRaw() async throws(SupermetricsError) -> RawResponse {
        try await runner.executor.json(request.get())
    }
}

extension Call where Client == SupermetricsClient {
    /// Sends the call and waits for what the API says.
    ///
    /// - Throws: ``SupermetricsError``; of kind `cancelled` when the task is cancelled while it waits.
    public var value: Value {
        get async throws(SupermetricsError) { try await run().value }
    }

    /// Sends the call and waits for what the API says, with the answer it came in.
    ///
    /// - Throws: ``SupermetricsError``.
    public var response: Response<Value> {
        get async throws(SupermetricsError) { try await run() }
    }

    /// Sends the call's first request and waits for the answer, whose body may have any shape of JSON.
    ///
    /// - Throws: ``SupermetricsError``; a body that is no JSON is in ``SupermetricsError/responseBody``.
    public var raw: RawResponse {
        get async throws(SupermetricsError) { try await runRaw() }
    }
}

extension Call where Client == SupermetricsBlockingClient {
    /// Sends the call and blocks the thread until the API has answered.
    ///
    /// - Throws: ``SupermetricsError``.
    @available(*, noasync, message: "use SupermetricsClient: blocking a task's thread can stop all tasks")
    public var value: Value {
        get throws(SupermetricsError) { try response.value }
    }

    /// Sends the call and blocks the thread until the API has answered; with the answer the value came in.
    ///
    /// - Throws: ``SupermetricsError``.
    @available(*, noasync, message: "use SupermetricsClient: blocking a task's thread can stop all tasks")
    public var response: Response<Value> {
        get throws(SupermetricsError) {
            try runner.wait { () async throws(SupermetricsError) in try await run() }
        }
    }

    /// Sends the call's first request and blocks the thread until the API has answered.
    ///
    /// - Throws: ``SupermetricsError``; a body that is no JSON is in ``SupermetricsError/responseBody``.
    @available(*, noasync, message: "use SupermetricsClient: blocking a task's thread can stop all tasks")
    public var raw: RawResponse {
        get throws(SupermetricsError) {
            try runner.wait { () async throws(SupermetricsError) in try await runRaw() }
        }
    }
}
