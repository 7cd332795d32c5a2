import Crypto
import Glibc
import PipelineCore

/// A file being written: gathers small writes, counts, and digests where asked to.
struct OutputFile: ~Copyable {
    /// Writes go to the kernel in pieces of at least this.
    private static let pieceSize = 256 << 10

    let path: String
    let file: Descriptor
    private(set) var count = 0
    private var pending: [UInt8] = []
    private var digest: SHA256?

    init(creating path: String, digesting: Bool) throws(SinkError) {
        self.path = path
        file = try FileSystem.open(path, O_RDWR | O_CREAT | O_TRUNC, to: "create")
        digest = digesting ? SHA256() : nil
    }

    mutating func write(_ bytes: [UInt8]) throws(SinkError) {
        if pending.isEmpty, bytes.count >= Self.pieceSize { return try put(bytes) }
        pending += bytes
        if pending.count >= Self.pieceSize { try flush() }
    }

    mutating func flush() throws(SinkError) {
        guard !pending.isEmpty else { return }
        try put(pending)
        pending.removeAll(keepingCapacity: true)
    }

    private mutating func put(_ bytes: [UInt8]) throws(SinkError) {
        try FileSystem.write(bytes.span, to: file, path)
        unsafe bytes.withUnsafeBytes { unsafe digest?.update(bufferPointer: $0) }
        count += bytes.count
    }

    /// Counts bytes that were written behind its back, at the file's position.
    mutating func advance(_ bytes: Int) { count += bytes }

    /// Brings all of it to the device.
    mutating func sync() throws(SinkError) {
        try flush()
        try FileSystem.sync(file, path)
    }

    /// SHA-256 of what was written, in lower-case hex; nil where it was not asked for.
    var sha256: String? {
        digest.map { digest in
            let hex = Array("0123456789abcdef".utf8)
            return String(
                decoding: digest.finalize().flatMap { [hex[Int($0 >> 4)], hex[Int($0 & 15)]] },
                as: UTF8.self
            )
        }
    }
}
