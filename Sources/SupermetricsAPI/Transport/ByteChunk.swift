import NIOCore

/// A piece of a body, as it came from the network after decompression.
public struct ByteChunk: Sendable {
    let buffer: ByteBuffer

    /// How many bytes it holds.
    public var count: Int { buffer.readableBytes }

    /// Gives `body` the bytes in place, without a copy.
    ///
    /// - Parameter body: reads the bytes; the span must not outlive the call.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws.
    public func withBytes<R, Failure: Error>(_ body: (RawSpan) throws(Failure) -> R) throws(Failure) -> R {
        try body(buffer.readableBytesSpan)
    }
}
