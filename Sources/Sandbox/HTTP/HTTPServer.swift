import NIOCore
import NIOHTTP1
import NIOHTTPCompression
import NIOPosix

/// A connection whose answers are written to its channel: an async writer of its own would stop the process where the
/// server ends while a connection that was just accepted waits to be served.
typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, Never>

/// The HTTP/1.1 server under the sandbox: connections in, answers out; knows nothing of queries.
struct HTTPServer {
    let channel: NIOAsyncChannel<Connection, Never>

    /// Binds to the loopback address; port 0 takes a free one.
    static func bind(port: Int, compresses: @escaping @Sendable () -> Bool) async throws -> HTTPServer {
        var encoding = HTTPResponseEncoder.Configuration()
        // Answers frame themselves, because some of them are meant to be framed badly.
        encoding.automaticallySetFramingHeaders = false
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .bind(host: "127.0.0.1", port: port) { [encoding] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(
                        withPipeliningAssistance: true,
                        withErrorHandling: true,
                        withEncoderConfiguration: encoding
                    )
                    try pipeline.addHandler(
                        HTTPResponseCompressor(initialByteBufferCapacity: 1024) { head, _ in
                            let isWhole = !head.headers.contains(name: AnswerWriter.uncompressedMark)
                            head.headers.remove(name: AnswerWriter.uncompressedMark)
                            return isWhole && compresses() ? .compressIfPossible : .doNotCompress
                        }
                    )
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        return HTTPServer(channel: channel)
    }

    var port: Int { channel.channel.localAddress?.port ?? 0 }

    /// Serves connections until the task is cancelled; every connection is a child task and ends with it.
    ///
    /// Throws when the listener itself breaks.
    func serve(
        _ answer: @escaping @Sendable (RequestPipeline.Incoming) async throws -> Answer,
        writer: AnswerWriter
    ) async throws {
        try await withTaskCancellationHandler {
            try await channel.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await connection in connections {
                        group.addTask { await Self.serve(connection, answer, writer) }
                    }
                    group.cancelAll()
                }
            }
        } onCancel: {
            channel.channel.close(promise: nil)
        }
    }

    /// Serves one connection; when the client is gone, the work for it is cancelled.
    private static func serve(
        _ connection: Connection,
        _ answer: @escaping @Sendable (RequestPipeline.Incoming) async throws -> Answer,
        _ writer: AnswerWriter
    ) async {
        await withTaskCancellationHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await connection.channel.closeFuture.get() }
                group.addTask {
                    // Whatever ends a connection early, a vanished client or a fault, ends only this connection.
                    try? await connection.executeThenClose { parts in
                        try await exchange(parts, on: connection.channel, answer, writer)
                    }
                }
                await group.next()
                group.cancelAll()
            }
        } onCancel: {
            connection.channel.close(promise: nil)
        }
    }

    private static func exchange(
        _ parts: NIOAsyncChannelInboundStream<HTTPServerRequestPart>,
        on channel: any Channel,
        _ answer: @Sendable (RequestPipeline.Incoming) async throws -> Answer,
        _ writer: AnswerWriter
    ) async throws {
        var incoming: RequestPipeline.Incoming?
        for try await part in parts {
            switch part {
            case .head(let head): incoming = RequestPipeline.Incoming(head: head, body: [])
            case .body(let buffer):
                incoming?.body.append(contentsOf: buffer.readableBytesView)
                if let incoming, incoming.body.count > 8 << 20 {
                    try await writer.write(.tooLarge, to: channel, keepAlive: false)
                    return
                }
            case .end:
                guard let request = incoming else { continue }
                incoming = nil
                let keepAlive = request.head.isKeepAlive
                let staysOpen = try await writer.write(try await answer(request), to: channel, keepAlive: keepAlive)
                if !staysOpen { return }
            }
        }
    }
}

extension Answer {
    fileprivate static let tooLarge = Answer(status: .payloadTooLarge, body: [])
}
