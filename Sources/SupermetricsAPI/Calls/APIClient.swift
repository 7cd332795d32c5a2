/// A client that offers the API's resources: ``SupermetricsClient``, or its blocking twin
/// ``SupermetricsBlockingClient``.
///
/// The resources are the same for both; only the way an answer is waited for differs, see ``Call``.
public protocol APIClient: Sendable {
    /// What carries out this client's calls.
    var runner: CallRunner { get }
}

/// What carries out the calls of one client; it has nothing to use directly.
public struct CallRunner: Sendable {
    let executor: RequestExecutor
    /// Where a blocking client's calls run; nil where they run in the task that waits.
    let threads: CallThreads?

    init(executor: RequestExecutor, threads: CallThreads? = nil) {
        self.executor = executor
        self.threads = threads
    }
}

/// A list of a resource, a value or an action of the API: what a client groups its calls by.
protocol APIResource<Client>: Sendable {
    associatedtype Client: APIClient
    var runner: CallRunner { get }
}

extension APIResource {
    /// A call of one request.
    func call<Value>(
        _ request: () throws(SupermetricsError) -> APIRequest,
        decode: @escaping @Sendable (RawResponse) throws(ModelError) -> Value
    ) -> Call<Value, Client> {
        Call(runner, request, decode: decode)
    }
}
