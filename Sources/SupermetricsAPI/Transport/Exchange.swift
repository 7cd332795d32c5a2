import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// One HTTP request and its answer, handed from the event loop to the task that reads it.
///
/// The reader pulls; the event loop gives one chunk ahead and then waits. It is AsyncHTTPClient's delegate because
/// that alone tells whether the request was sent, and hands over a chunk that is already there without a switch of
/// tasks.
final class Exchange: HTTPClientResponseDelegate {
    /// How an exchange ends before its body does.
    enum Ending: Error {
        case failed(any Error)
        case timedOut
        case cancelled
    }

    private struct State {
        var head: HTTPResponseHead?
        var chunk: (buffer: ByteBuffer, taken: EventLoopPromise<Void>)?
        var end: Result<Void, Ending>?
        var task: HTTPClient.Task<Void>?
        var wasSent = false
        var reader: CheckedContinuation<Void, Never>?
        /// When the reader's patience ends, on the stopwatch of the limits; nil while nothing is waited for.
        var deadline: Duration?
        var watch: Task<Void, Never>?
    }

    private let limits: ExchangeLimits
    private let state = Mutex(State())

    init(_ limits: ExchangeLimits) {
        self.limits = limits
    }

    /// Sends the request.
    func start(_ request: HTTPClient.Request, on client: HTTPClient) {
        let task = client.execute(request: request, delegate: self)
        // Failures before the first delegate call, such as a shut-down client, arrive on the future alone.
        task.futureResult.whenFailure { self.finish(.failure(.failed($0))) }
        // The one task without a scope: an answer outlives the call that asked for it. A timer per wait would have
        // one, but a cancelled sleep keeps its memory until it would have ended, and there is a wait per chunk.
        let watch = Task { await self.watch() }
        let endedEarly = state.withLock { state in
            state.task = task
            state.watch = watch
            return state.end != nil
        }
        guard endedEarly else { return }
        task.cancel()
        watch.cancel()
    }

    /// Whether any part of the request may have reached the server.
    var wasSent: Bool { state.withLock { $0.wasSent } }

    /// The answer's head, as soon as it is there.
    func head(within limit: Duration) async throws(Ending) -> HTTPResponseHead {
        await wait(limit) { $0.head != nil }
        let (head, end) = state.withLock { ($0.head, $0.end) }
        if let head { return head }
        _ = try end?.get()
        throw .failed(HTTPClientError.remoteConnectionClosed)
    }

    /// A chunk that is already here.
    func readyChunk() -> ByteBuffer? {
        let chunk = state.withLock { $0.chunk.take() }
        chunk?.taken.succeed()
        return chunk?.buffer
    }

    /// The next chunk, nil after the last.
    func chunk(within limit: Duration) async throws(Ending) -> ByteBuffer? {
        await wait(limit) { $0.chunk != nil }
        if let buffer = readyChunk() { return buffer }
        _ = try state.withLock { $0.end }?.get()
        return nil
    }

    /// Ends the exchange from this side; the first ending counts, and the connection is closed.
    func stop(_ ending: Ending) {
        finish(.failure(ending))
        let (task, chunk) = state.withLock { state in (state.task, state.chunk.take()) }
        task?.cancel()
        chunk?.taken.succeed()
    }

    /// Waits until something is there or the exchange has ended; a cancelled task ends it, and so does the limit.
    private func wait(_ limit: Duration, until isThere: @escaping @Sendable (borrowing State) -> Bool) async {
        let deadline = limits.started.elapsed + limit
        while !state.withLock({ isThere($0) || $0.end != nil }) {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isReady = state.withLock { state in
                        if isThere(state) || state.end != nil { return true }
                        precondition(state.reader == nil, "a body has one reader at a time")
                        state.reader = continuation
                        state.deadline = deadline
                        return false
                    }
                    if isReady { continuation.resume() }
                }
            } onCancel: {
                stop(.cancelled)
            }
        }
    }

    /// Ends the exchange when the reader has waited too long.
    private func watch() async {
        while let pause = nextLook() {
            guard (try? await limits.clock.sleep(for: pause)) != nil else { return }
        }
    }

    /// How long no deadline can pass, nil to end the watch.
    ///
    /// A wait that begins meanwhile cannot end sooner: it may last as long as `idle`, or until `total`.
    private func nextLook() -> Duration? {
        let now = limits.started.elapsed
        let (pause, isOver) = state.withLock { state -> (Duration?, Bool) in
            if state.end != nil { return (nil, false) }
            let next = min(limits.idle, (state.deadline ?? limits.total) - now)
            if next > .zero { return (next, false) }
            if state.deadline == nil { return (nil, false) }
            state.end = .failure(.timedOut)
            return (nil, true)
        }
        if isOver { stop(.timedOut) }
        return pause
    }

    /// Changes the state and wakes the reader, who looks for itself what is new.
    private func change<R: Sendable>(_ body: (inout sending State) -> R) -> R {
        let (result, reader) = state.withLock { state in (body(&state), state.reader.take()) }
        reader?.resume()
        return result
    }

    private func finish(_ end: Result<Void, Ending>) {
        let watch = change { state in
            if state.end == nil { state.end = end }
            return state.watch.take()
        }
        watch?.cancel()
    }

    // MARK: HTTPClientResponseDelegate, called on the event loop

    func didSendRequestHead(task: HTTPClient.Task<Void>, _ head: HTTPRequestHead) {
        change { $0.wasSent = true }
    }

    func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        change { state in
            state.head = head
            state.deadline = nil
        }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        let taken = task.eventLoop.makePromise(of: Void.self)
        let isWanted = change { state in
            guard state.end == nil else { return false }
            state.chunk = (buffer, taken)
            state.deadline = nil
            return true
        }
        if !isWanted { taken.succeed() }
        return taken.futureResult
    }

    func didReceiveError(task: HTTPClient.Task<Void>, _ error: any Error) {
        finish(.failure(.failed(error)))
    }

    func didFinishRequest(task: HTTPClient.Task<Void>) throws {
        finish(.success(()))
    }
}

extension Exchange: CustomReflectable {
    /// Without children: the HTTP library's own state leads to the request's header fields.
    var customMirror: Mirror { Mirror(self, children: []) }
}
