import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server on loopback that answers byte for byte as a test says, and records what it was asked.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        var method: String
        var uri: String
        private var headers: HTTPHeaders
        fileprivate(set) var body: [UInt8] = []

        fileprivate init(_ head: HTTPRequestHead) {
            (method, uri, headers) = (head.method.rawValue, head.uri, head.headers)
        }

        var path: String { String(uri.prefix { $0 != "?" }) }

        /// Every value of a field, so that a field sent twice shows.
        func values(_ name: String) -> [String] { headers[name] }

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    enum Step: Sendable {
        case send([UInt8])
        case wait(Signal)
        /// Counts that the steps before are done.
        case count(Counter)
        case close
    }

    /// What a request is answered with; after the last step the connection waits for the next request.
    struct Answer: Sendable {
        var steps: [Step]

        init(_ steps: [Step]) {
            self.steps = steps
        }

        static func json(_ body: String, status: Int = 200, _ headers: [(String, String)] = []) -> Answer {
            bytes(Array(body.utf8), status: status, [("Content-Type", "application/json")] + headers)
        }

        static func bytes(_ body: [UInt8], status: Int = 200, _ headers: [(String, String)] = []) -> Answer {
            Answer([.send(head(status, headers + [("Content-Length", "\(body.count)")]) + body)])
        }

        static func head(_ status: Int, _ headers: [(String, String)]) -> [UInt8] {
            let lines = headers.map { "\($0.0): \($0.1)\r\n" }.joined()
            return Array("HTTP/1.1 \(status) Scripted\r\n\(lines)\r\n".utf8)
        }

        static func chunk(_ body: [UInt8]) -> Step {
            .send(Array("\(String(body.count, radix: 16))\r\n".utf8) + body + Array("\r\n".utf8))
        }
    }

    typealias Script = @Sendable (Request, Int) -> Answer

    fileprivate let boundPort = Mutex(0)
    private let recorded = Mutex<[Request]>([])

    var port: Int { boundPort.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { recorded.withLock { $0 } }

    fileprivate func record(_ request: Request) -> Int {
        recorded.withLock { requests in
            requests.append(request)
            return requests.count - 1
        }
    }
}

/// Something a script waits for until the test says so.
final class Signal: Sendable {
    private let state = Mutex<(isFired: Bool, waiters: [@Sendable () -> Void])>((false, []))

    func fire() {
        let waiters = state.withLock { state in
            state.isFired = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter() }
    }

    func whenFired(_ action: @escaping @Sendable () -> Void) {
        let isFired = state.withLock { state in
            if !state.isFired { state.waiters.append(action) }
            return state.isFired
        }
        if isFired { action() }
    }
}

func withServer<R: Sendable>(
    _ script: @escaping ScriptedServer.Script,
    _ body: (ScriptedServer) async throws -> R
) async throws -> R {
    let server = ScriptedServer()
    let connections = Notes<any Channel>()
    let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .childChannelInitializer { channel in
            connections.add(channel)
            return channel.eventLoop.makeCompletedFuture {
                let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)
                try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(decoder))
                try channel.pipeline.syncOperations.addHandler(ScriptedHandler(server: server, script: script))
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    server.boundPort.withLock { $0 = listener.localAddress?.port ?? 0 }
    let result: Result<R, any Error>
    do {
        result = .success(try await body(server))
    } catch {
        result = .failure(error)
    }
    try await listener.close()
    for connection in connections.all { connection.close(promise: nil) }
    return try result.get()
}

private final class ScriptedHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private let server: ScriptedServer
    private let script: ScriptedServer.Script
    private var request: ScriptedServer.Request?

    init(server: ScriptedServer, script: @escaping ScriptedServer.Script) {
        self.server = server
        self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): request = .init(head)
        case .body(let buffer): request?.body += Array(buffer.readableBytesView)
        case .end:
            guard let whole = request.take() else { return }
            let index = server.record(whole)
            Self.carryOut(script(whole, index).steps[...], on: context.channel)
        }
    }

    private static func carryOut(_ steps: ArraySlice<ScriptedServer.Step>, on channel: any Channel) {
        guard let step = steps.first else { return }
        let rest = steps.dropFirst()
        switch step {
        case .send(let bytes):
            channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenSuccess { carryOut(rest, on: channel) }
        case .wait(let signal): signal.whenFired { carryOut(rest, on: channel) }
        case .count(let counter):
            counter.add(1)
            carryOut(rest, on: channel)
        case .close: channel.close(promise: nil)
        }
    }
}
