import NIOCore
import Synchronization

/// The body of an answer, pulled chunk by chunk; at most one chunk waits ahead of the reader.
///
/// It has one reader at a time. Dropping it before its end closes the connection.
public final class ResponseBody: Sendable {
    private let exchange: Exchange
    private let context: RequestContext
    private let limits: ExchangeLimits
    private let progress = Mutex<(bytes: Int, returned: ByteChunk?)>((0, nil))

    init(exchange: Exchange, context: RequestContext, limits: ExchangeLimits) {
        self.exchange = exchange
        self.context = context
        self.limits = limits
    }

    deinit {
        exchange.stop(.cancelled)
    }

    /// The next bytes, or nil when the body is complete.
    ///
    /// The idle timeout runs only while this call waits; the request timeout runs since the request was sent.
    /// - Returns: at least one byte, or nil.
    /// - Throws: ``SupermetricsError`` when the body is cut, damaged, silent for too long or longer than allowed, and
    ///   of kind `cancelled` when the task is cancelled while it waits.
    public func next() async throws(SupermetricsError) -> ByteChunk? {
        if let returned = progress.withLock({ $0.returned.take() }) { return returned }
        while let buffer = try await read() {
            guard buffer.readableBytes > 0 else { continue }
            let bytes = progress.withLock { progress in
                progress.bytes += buffer.readableBytes
                return progress.bytes
            }
            guard bytes <= limits.maximumBytes else {
                exchange.stop(.cancelled)
                throw context.violation(
                    "the answer is longer than the \(limits.maximumBytes) bytes allowed",
                    isTransient: false
                )
            }
            return ByteChunk(buffer: buffer)
        }
        return nil
    }

    /// The rest of the body in one piece.
    ///
    /// - Parameter maximum: where to stop; nil to read all.
    /// - Returns: the bytes, at most `maximum` of them.
    /// - Throws: what ``next()`` throws.
    func collect(upTo maximum: Int? = nil) async throws(SupermetricsError) -> [UInt8] {
        var bytes: [UInt8] = []
        while let chunk = try await next() {
            bytes += chunk.buffer.readableBytesView
            if let maximum, bytes.count >= maximum { return Array(bytes.prefix(maximum)) }
        }
        return bytes
    }

    /// Puts a chunk back in front; only for the one just taken.
    func putBack(_ chunk: ByteChunk) {
        progress.withLock { $0.returned = chunk }
    }

    private func read() async throws(SupermetricsError) -> ByteBuffer? {
        let remaining = limits.remaining
        guard remaining > .zero else {
            exchange.stop(.timedOut)
            throw limits.totalExceeded(context, sent: true)
        }
        if let buffer = exchange.readyChunk() { return buffer }
        do {
            return try await exchange.chunk(within: min(limits.idle, remaining))
        } catch {
            switch error {
            case .cancelled: throw .cancelled
            case .failed(let cause): throw context.transportError(cause, sent: true)
            case .timedOut where remaining <= limits.idle: throw limits.totalExceeded(context, sent: true)
            case .timedOut: throw limits.idleExceeded(context)
            }
        }
    }
}
