import CZlib

/// Why bytes are no whole gzip file.
package struct NotOneMember: Error {
    package var reason: String
}

/// The content of a gzip file that must be exactly one whole member (RFC 1952 §2.2).
package func inflateOneMember(_ bytes: [UInt8]) throws -> [UInt8] {
    var stream = unsafe z_stream()
    guard unsafe inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
        throw NotOneMember(reason: "no memory")
    }
    defer { unsafe inflateEnd(&stream) }
    var (input, output, chunk) = (bytes, [UInt8](), [UInt8](repeating: 0, count: 1 << 16))
    return try unsafe input.withUnsafeMutableBufferPointer { source in
        unsafe stream.next_in = source.baseAddress
        unsafe stream.avail_in = UInt32(source.count)
        var result = Z_OK
        while result == Z_OK {
            result = unsafe chunk.withUnsafeMutableBufferPointer { target in
                unsafe stream.next_out = target.baseAddress
                unsafe stream.avail_out = UInt32(target.count)
                return unsafe inflate(&stream, Z_NO_FLUSH)
            }
            output += unsafe chunk[..<(chunk.count - Int(stream.avail_out))]
        }
        guard result == Z_STREAM_END else { throw NotOneMember(reason: "inflate says \(result)") }
        guard unsafe stream.avail_in == 0 else { throw NotOneMember(reason: "bytes follow the member") }
        return output
    }
}
