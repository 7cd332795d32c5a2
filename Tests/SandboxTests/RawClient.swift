import Foundation
import NIOCore
import NIOPosix
import Sandbox

/// An answer as it came over the wire, with as little interpretation as possible.
struct RawAnswer {
    var status: Int
    var headers: [String: String]
    /// The body, without chunk framing.
    var body: [UInt8]
    /// The body was shorter than its Content-Length, or its last chunk was missing.
    var isCutShort: Bool

    /// The body as JSON; nil when it is none.
    var json: [String: Any]? { (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] }
    var meta: [String: Any] { json?["meta"] as? [String: Any] ?? [:] }
    var query: [String: Any] { meta["query"] as? [String: Any] ?? [:] }
    var result: [String: Any] { meta["result"] as? [String: Any] ?? [:] }
    var data: [[Any]]? { json?["data"] as? [[Any]] }
    var statusCode: String? { meta["status_code"] as? String }
    var scheduleID: String? { meta["schedule_id"] as? String }
    var requestID: String? { meta["request_id"] as? String }
    var next: String? { (meta["paginate"] as? [String: Any])?["next"] as? String }
    var previous: String? { (meta["paginate"] as? [String: Any])?["prev"] as? String }
    var error: [String: Any] { json?["error"] as? [String: Any] ?? [:] }
    var errorCode: String? { error["code"] as? String }
    var errorMessage: String { error["message"] as? String ?? "" }
    /// The bytes of the value of `data`, when it stands last.
    var dataBytes: String {
        let text = String(decoding: body, as: UTF8.self)
        guard let range = text.range(of: "\"data\":", options: .backwards) else { return "" }
        return String(text[range.upperBound...].dropLast())
    }
}

struct NoAnswer: Error {}

/// A plain TCP client: what it sends is written here byte by byte, and nothing is shared with the SDK.
struct RawClient {
    let sandbox: Sandbox

    var port: Int { Int(sandbox.baseURL.split(separator: ":").last ?? "") ?? 0 }

    /// Sends raw bytes and gives everything the server sends until it closes the connection.
    func exchange(_ bytes: String) async throws -> [UInt8] {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: bytes))
            var received: [UInt8] = []
            for try await buffer in inbound { received.append(contentsOf: buffer.readableBytesView) }
            return received
        }
    }

    /// Sends one request over a connection of its own.
    func send(
        _ method: String = "GET",
        _ target: String,
        headers: [String: String] = [:],
        body: String = "",
        authorization: String? = ""
    ) async throws -> RawAnswer {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        if let authorization {
            head += "Authorization: \(authorization.isEmpty ? "Bearer \(sandbox.apiKey)" : authorization)\r\n"
        }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if !body.isEmpty { head += "Content-Length: \(body.utf8.count)\r\n" }
        return try Self.parse(await exchange(head + "\r\n" + body))
    }

    /// GETs with one `json=` parameter.
    func get(_ path: String, _ json: String, headers: [String: String] = [:]) async throws -> RawAnswer {
        try await send("GET", "\(path)?json=\(Self.encode(json))", headers: headers)
    }

    /// POSTs JSON.
    func post(
        _ json: String,
        to path: String = "/query/data/json",
        headers: [String: String] = [:]
    ) async throws -> RawAnswer {
        try await send(
            "POST",
            path,
            headers: ["Content-Type": "application/json"].merging(headers) { $1 },
            body: json
        )
    }

    static func encode(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    static func parse(_ bytes: [UInt8]) throws -> RawAnswer {
        guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: Array("\r\n\r\n".utf8)) }) else {
            throw NoAnswer()
        }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        var body = Array(bytes[(end + 4)...])
        var isCutShort = Int(headers["content-length"] ?? "").map { $0 > body.count } ?? false
        if headers["transfer-encoding"] == "chunked" { (body, isCutShort) = unchunk(body) }
        return RawAnswer(
            status: Int(lines[0].split(separator: " ")[1]) ?? 0,
            headers: headers,
            body: body,
            isCutShort: isCutShort
        )
    }

    private static func unchunk(_ bytes: [UInt8]) -> (body: [UInt8], isCutShort: Bool) {
        var body: [UInt8] = []
        var rest = bytes[...]
        while let lineEnd = rest.firstIndex(of: UInt8(ascii: "\r")),
            let length = Int(String(decoding: rest[..<lineEnd], as: UTF8.self), radix: 16)
        {
            if length == 0 { return (body, false) }
            rest = rest[(lineEnd + 2)...]
            body += rest.prefix(length)
            rest = rest.dropFirst(length + 2)
        }
        return (body, true)
    }
}

/// A query the sandbox answers, as JSON; further members go after it.
func queryJSON(
    _ more: String = "",
    source: String = "AW",
    accounts: String = #"["123-456-7890","987-654-3210"]"#,
    fields: String = #"["Date","Campaign","Impressions","Cost"]"#,
    from start: String = "2024-01-01",
    to end: String = "2024-01-03"
) -> String {
    """
    {"ds_id":"\(source)","ds_accounts":\(accounts),"fields":\(fields),"start_date":"\(start)","end_date":"\(end)"\
    \(more.isEmpty ? "" : "," + more)}
    """
}
