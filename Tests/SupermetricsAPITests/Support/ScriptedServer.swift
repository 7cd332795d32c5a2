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

    let port: Int
    private let recorded = Mutex<[Request]>([])

    fileprivate init(port: Int) {
        self.port = port
    }

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
    private let stream = AsyncStream<Void>.makeStream()

    func fire() {
        stream.continuation.finish()
    }

    func wait() async {
        for await _ in stream.stream {}
    }
}

func withServer<R: Sendable>(
    _ script: @escaping ScriptedServer.Script,
    _ body: (ScriptedServer) async throws -> R
) async throws -> R {
    typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, ByteBuffer>
    let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .bind(host: "127.0.0.1", port: 0) { channel in
            channel.eventLoop.makeCompletedFuture {
                let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)
                try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(decoder))
                return try Connection(wrappingChannelSynchronously: channel)
            }
        }
    let server = ScriptedServer(port: listener.channel.localAddress?.port ?? 0)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            try? await listener.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await connection in connections {
                        group.addTask {
                            try? await connection.executeThenClose { requests, answers in
                                try await serve(requests, answers, server, script)
                            }
                        }
                    }
                }
            }
        }
        defer { group.cancelAll() }
        return try await body(server)
    }
}

private func serve(
    _ requests: NIOAsyncChannelInboundStream<HTTPServerRequestPart>,
    _ answers: NIOAsyncChannelOutboundWriter<ByteBuffer>,
    _ server: ScriptedServer,
    _ script: ScriptedServer.Script
) async throws {
    var request: ScriptedServer.Request?
    for try await part in requests {
        switch part {
        case .head(let head): request = .init(head)
        case .body(let buffer): request?.body += Array(buffer.readableBytesView)
        case .end:
            guard let whole = request.take() else { return }
            for step in script(whole, server.record(whole)).steps {
                switch step {
                case .send(let bytes): try await answers.write(ByteBuffer(bytes: bytes))
                case .wait(let signal): await signal.wait()
                case .count(let counter): counter.add(1)
                case .close: return
                }
            }
        }
    }
}
