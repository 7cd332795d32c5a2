import Glibc
import NIOCore
import NIOHTTP1

/// Writes answers to a channel as their delivery says; never more than two pieces ahead of the client.
struct AnswerWriter: Sendable {
    /// A header that tells the compressor to leave an answer alone; it is taken off before sending.
    static let uncompressedMark = "x-sandbox-uncompressed"
    private static let pieceLength = 512 << 10

    /// Waits for time to pass, by the sandbox's clock.
    let pause: @Sendable (Duration) async throws -> Void

    /// Writes one answer and gives whether the connection stays open.
    @discardableResult
    func write(_ answer: Answer, to channel: any Channel, keepAlive: Bool) async throws -> Bool {
        let length = answer.bodyLength
        var head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: answer.headers)
        switch answer.delivery {
        case .whole:
            head.headers.add(name: "Content-Length", value: String(length))
            if !keepAlive { head.headers.add(name: "Connection", value: "close") }
            try await write(head, answer.body, endsProperly: true, to: channel)
            return keepAlive
        case .drip:
            head.headers.add(name: Self.uncompressedMark, value: "1")
            head.headers.add(name: "Content-Length", value: String(length))
            try await channel.writeAndFlush(HTTPServerResponsePart.head(head)).get()
            let step = max(1, length / 64)
            for start in stride(from: 0, to: length, by: step) {
                try await pause(.milliseconds(20))
                for piece in answer.body.prefixed(by: min(length, start + step)).suffixed(from: start) {
                    try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(piece))).get()
                }
            }
            try await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
            return keepAlive
        case .cut:
            head.headers.add(name: Self.uncompressedMark, value: "1")
            head.headers.add(name: "Content-Length", value: String(length))
            try await write(head, answer.body.prefixed(by: length / 2), endsProperly: false, to: channel)
            return false
        case .cutEndOfFile:
            head.headers.add(name: Self.uncompressedMark, value: "1")
            head.headers.add(name: "Connection", value: "close")
            try await write(head, answer.body.prefixed(by: length / 2), endsProperly: false, to: channel)
            return false
        case .bomb:
            head.headers.add(name: "Transfer-Encoding", value: "chunked")
            let blanks = ByteBuffer(repeating: UInt8(ascii: " "), count: 1 << 20)
            try await write(head, Array(repeating: blanks, count: 64) + answer.body, endsProperly: true, to: channel)
            return keepAlive
        case .hang:
            try await channel.closeFuture.get()
            return false
        case .reset:
            // Closing with a linger of zero sends RST instead of FIN.
            if let provider = channel as? any SocketOptionProvider {
                try await provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
            }
            return false
        }
    }

    private func write(
        _ head: HTTPResponseHead,
        _ body: [ByteBuffer],
        endsProperly: Bool,
        to channel: any Channel
    ) async throws {
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        var previous: EventLoopFuture<Void>?
        for var buffer in body {
            while let piece = buffer.readSlice(length: min(buffer.readableBytes, Self.pieceLength)),
                piece.readableBytes > 0
            {
                let written = channel.eventLoop.makePromise(of: Void.self)
                let part = HTTPServerResponsePart.body(.byteBuffer(piece))
                if piece.readableBytes < 4096 {
                    // Small pieces go out with their neighbours.
                    channel.write(part, promise: written)
                    written.futureResult.whenFailure { _ in }
                    continue
                }
                channel.writeAndFlush(part, promise: written)
                try await previous?.get()
                previous = written.futureResult
            }
        }
        guard endsProperly else {
            channel.flush()
            try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer()))).get()
            return
        }
        try await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
    }
}

extension [ByteBuffer] {
    /// What is left after the first `count` bytes, sharing storage.
    fileprivate func suffixed(from count: Int) -> [ByteBuffer] {
        var rest = count
        return compactMap { buffer in
            let skipped = Swift.min(rest, buffer.readableBytes)
            rest -= skipped
            guard skipped < buffer.readableBytes else { return nil }
            return buffer.getSlice(at: buffer.readerIndex + skipped, length: buffer.readableBytes - skipped)
        }
    }
}
