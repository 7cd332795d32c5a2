import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// An API that answers every query with rows made beforehand: as cheap as a server can be, in a process of its own.
///
/// Every query has the same rows, whatever its days; a page is put together from slices of them without a copy.
struct RowServer {
    /// How the server is started: `serve ROWS [gzip]`.
    struct Options {
        /// Rows of every query.
        var rows: Int
        /// Whether answers are compressed, as a server on the internet does; then a query is one page.
        var compresses: Bool

        init(_ arguments: ArraySlice<String>) throws {
            guard let rows = arguments.dropFirst(0).first.flatMap({ Int($0) }), rows > 0 else {
                throw BenchmarkError("serve ROWS [gzip]")
            }
            self.rows = rows
            compresses = arguments.contains("gzip")
        }
    }

    /// Serves until the process is ended; the first line of standard output is the port.
    static func serve(_ options: Options) async throws {
        let answers = try Answers(options)
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(AnswerHandler(answers: answers))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        FileHandle.standardOutput.write(Data("\(channel.localAddress?.port ?? 0)\n".utf8))
        try await channel.closeFuture.get()
    }

    /// Runs `body` with a server of so many rows per query, which runs as a child of this process.
    static func with<R>(
        rows: Int,
        compressed: Bool = false,
        _ body: (_ baseURL: String, _ pid: Int32) async throws -> R
    ) async throws -> R {
        let pipe = Pipe()
        let program = ProcessInfo.processInfo.arguments.first ?? "Benchmarks"
        let server = try Child(
            [program, "serve", "\(rows)"] + (compressed ? ["gzip"] : []),
            output: pipe.fileHandleForWriting
        )
        try pipe.fileHandleForWriting.close()
        let text = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
        guard let port = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            await server.stop()
            throw BenchmarkError("the server did not start")
        }
        do {
            let result = try await body("http://127.0.0.1:\(port)", server.pid)
            await server.stop()
            return result
        } catch {
            await server.stop()
            throw error
        }
    }
}

/// The rows of every query, and the answers made of them.
private struct Answers: Sendable {
    let rowCount: Int
    private let start: ByteBuffer
    private let end = ByteBuffer(string: "]}")
    /// So many rows each, every one with a comma behind it; small enough that slices share their storage.
    private let blocks: [ByteBuffer]
    /// Where each row begins in its block.
    private let offsets: [Int]
    /// A whole answer, compressed.
    private var compressed: ByteBuffer?

    private static let rowsPerBlock = 4096
    /// More rows than this are repeated.
    private static let maximumRows = 24 * rowsPerBlock + 17

    init(_ options: RowServer.Options) throws {
        rowCount = options.rows
        start = ByteBuffer(string: #"{"meta":\#(SampleRows.meta(totalRows: options.rows)),"data":["#)
        let samples = SampleRows(.plain)
        var (blocks, offsets): ([ByteBuffer], [Int]) = ([], [])
        let rows = min(options.rows, Self.maximumRows)
        for first in stride(from: 0, to: rows, by: Self.rowsPerBlock) {
            var bytes: [UInt8] = []
            for row in first..<min(first + Self.rowsPerBlock, rows) {
                offsets.append(bytes.count)
                samples.append(row, to: &bytes)
                bytes.append(UInt8(ascii: ","))
            }
            blocks.append(ByteBuffer(bytes: bytes))
        }
        self.blocks = blocks
        self.offsets = offsets
        if options.compresses { compressed = try Self.gzip(body(offset: 0, limit: rowCount)) }
    }

    /// The pieces of the answer for a page.
    func body(offset: Int, limit: Int) -> [ByteBuffer] {
        if let compressed { return [compressed] }
        var pieces = [start]
        var rows = min(offset, rowCount)..<min(offset + limit, rowCount)
        while !rows.isEmpty {
            let (block, first) = (rows.lowerBound % offsets.count).quotientAndRemainder(dividingBy: Self.rowsPerBlock)
            let blockRows = min(Self.rowsPerBlock, offsets.count - block * Self.rowsPerBlock)
            let count = min(rows.count, blockRows - first)
            let from = offsets[block * Self.rowsPerBlock + first]
            let isWhole = first + count == blockRows
            var to = isWhole ? blocks[block].readableBytes : offsets[block * Self.rowsPerBlock + first + count]
            rows = rows.lowerBound + count..<rows.upperBound
            if rows.isEmpty { to -= 1 }
            if let piece = blocks[block].getSlice(at: from, length: to - from) { pieces.append(piece) }
        }
        return pieces + [end]
    }

    var isCompressed: Bool { compressed != nil }

    private static func gzip(_ pieces: [ByteBuffer]) throws -> ByteBuffer {
        let path = NSTemporaryDirectory() + "sluice-benchmark-\(ProcessInfo.processInfo.processIdentifier).json"
        defer { try? FileManager.default.removeItem(atPath: path + ".gz") }
        var bytes: [UInt8] = []
        for piece in pieces { bytes.append(contentsOf: piece.readableBytesView) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let gzip = try Process.run(URL(fileURLWithPath: "/bin/gzip"), arguments: ["-6", "-f", path])
        gzip.waitUntilExit()
        return ByteBuffer(bytes: try Data(contentsOf: URL(fileURLWithPath: path + ".gz")))
    }
}

/// Reads requests as far as the page they ask for.
private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answers: Answers
    private var request = ""

    init(answers: Answers) { self.answers = answers }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): request = head.uri.removingPercentEncoding ?? ""
        case .body(let buffer): request += String(buffer: buffer)
        case .end: answer(context)
        }
    }

    private func answer(_ context: ChannelHandlerContext) {
        // A submission names the last row of its first page, a page its offset and limit.
        let offset = number("offset") ?? 0
        let limit = number("limit") ?? number("offset_end").map { $0 + 1 } ?? answers.rowCount
        let body = answers.body(offset: offset, limit: limit)
        var headers: HTTPHeaders = ["Content-Type": "application/json"]
        headers.add(name: "Content-Length", value: "\(body.reduce(0) { $0 + $1.readableBytes })")
        if answers.isCompressed { headers.add(name: "Content-Encoding", value: "gzip") }
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers))),
            promise: nil
        )
        for piece in body { context.write(wrapOutboundOut(.body(.byteBuffer(piece))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// The number behind `"name":` in the JSON of the request.
    private func number(_ name: String) -> Int? {
        guard let found = request.range(of: "\"\(name)\":") else { return nil }
        return Int(request[found.upperBound...].prefix { $0.isNumber })
    }
}
