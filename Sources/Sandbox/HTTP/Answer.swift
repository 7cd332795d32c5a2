import NIOCore
import NIOHTTP1

/// What goes back over the wire for one request.
struct Answer: Sendable {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders = ["Content-Type": "application/json; charset=utf-8"]
    /// The body in pieces, written in order; buffers are shared with the page cache, never copied.
    var body: [ByteBuffer]
    var delivery: Delivery = .whole
    /// Whether the body carries rows of a result, which is what the fault phase `page` means.
    var carriesRows = false

    init(status: HTTPResponseStatus, body: [UInt8]) {
        self.status = status
        self.body = [ByteBuffer(bytes: body)]
    }

    init(status: HTTPResponseStatus, pieces: [ByteBuffer]) {
        self.status = status
        self.body = pieces
    }

    var bodyLength: Int { body.reduce(0) { $0 + $1.readableBytes } }
}

/// How the bytes of an answer reach the client, or fail to.
enum Delivery: Sendable, Equatable {
    /// The whole answer, with Content-Length, compressed when the request accepts it.
    case whole
    /// Half the body under a Content-Length that promises all of it, then the connection closes.
    case cut
    /// Half the body without Content-Length, ended by closing the connection, as if it were whole.
    case cutEndOfFile
    /// The body in small pieces with a pause before each.
    case drip
    /// Nothing, with the connection open, until the client gives up.
    case hang
    /// The connection is reset without a byte of answer.
    case reset
    /// White space, compressed to next to nothing, that inflates to 64 MiB before the body.
    case bomb
}
