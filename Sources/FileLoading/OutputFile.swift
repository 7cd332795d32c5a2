import CFileShims
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

extension OutputFile {
    /// Appends `count` bytes of a file, in the kernel where it can.
    ///
    /// - Throws: `SinkError`, also where the file is shorter; `CancellationError` between two pieces.
    mutating func append(_ count: Int, of source: Descriptor, _ sourcePath: String) throws {
        try flush()
        var left = count
        var buffer: [UInt8] = []
        var copiesInKernel = true
        while left > 0 {
            try Task.checkCancellation()
            var copied = 0
            if copiesInKernel {
                copied = sluice_copy_range(source.raw, file.raw, min(left, 64 << 20))
                if copied < 0, errno == EINTR { continue }
                // EPERM: a container's filter of system calls, which knows nothing of this one.
                if copied < 0, [EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EPERM].contains(errno) {
                    copiesInKernel = false
                    continue
                }
                if copied < 0 { throw FileFailure.last("write", path).error }
                advance(copied)
            } else {
                try FileSystem.read(min(left, 1 << 20), from: source, sourcePath, into: &buffer)
                copied = buffer.count
                try write(buffer)
            }
            guard copied > 0 else {
                throw SinkError(
                    .destination,
                    "\(sourcePath) is shorter than its note says; remove \(FileSystem.parent(sourcePath)) "
                        + "and run again"
                )
            }
            left -= copied
        }
        // Nobody reads it again, and dropping its pages now is quicker than when all sources are removed.
        posix_fadvise(source.raw, 0, 0, POSIX_FADV_DONTNEED)
    }

    /// Asks the kernel to begin writing to the device, and does not wait for it; the file is no more durable after.
    func startWriteback() { sluice_start_writeback(file.raw) }
}
