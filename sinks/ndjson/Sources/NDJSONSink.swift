import ByteCodecs
public import FileLoading
public import PipelineCore

/// Rows as NDJSON, one object per line: one file per window in a folder, one file per run, or standard output.
public struct NDJSONSink: FileSink {
    /// `ndjson`.
    public static let kind = "ndjson"

    /// Where the rows land.
    public let files: FileTarget

    /// A sink with these options.
    ///
    /// - Throws: `SinkError` with the code `.configuration`, naming the key and what it may be.
    public init(_ options: Options) throws(SinkError) {
        files = try FileTarget(
            path: options.path,
            compression: options.compression,
            level: options.level,
            format: NDJSONFormat()
        )
    }

    /// Opens the sink for the time of `body`.
    public static func withSink<R>(_ options: Options, _ body: (NDJSONSink) async throws -> R) async throws -> R {
        try await body(NDJSONSink(options))
    }
}

extension NDJSONSink {
    /// What a job file may write under `ndjson`.
    public struct Options: SinkOptions, Hashable {
        /// The keys a user may write.
        public enum CodingKeys: String, CodingKey, CaseIterable {
            case path, compression, level
        }

        /// A folder (`lake/`), a file (`out.ndjson.gz`) or `-`.
        public var path: String
        /// Whether to compress; nil for the default of the path.
        public var compression: CompressionOption?
        /// The level of gzip, 1 to 9; nil for 6.
        public var level: Int?

        /// Options with the defaults for what is left out.
        public init(path: String, compression: CompressionOption? = nil, level: Int? = nil) {
            self.path = path
            self.compression = compression
            self.level = level
        }

        /// Decodes what a job file writes.
        ///
        /// - Throws: `DecodingError` at the key that is wrong.
        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            path = try container.decodePath(forKey: .path)
            compression = try container.decodeChoice(CompressionOption.self, forKey: .compression)
            level = try container.decodeLevel(forKey: .level)
        }
    }
}

struct NDJSONFormat: FileFormat {
    let name = NDJSONSink.kind
    let dialect = ""

    func renderer(for schema: Schema) throws(SinkError) -> any RowRenderer {
        BoundFormat(renderer: NDJSONRenderer(schema: schema))
    }

    private struct BoundFormat: RowRenderer {
        let renderer: NDJSONRenderer
        var header: [UInt8] { [] }
        func render(_ batch: Batch, into output: inout [UInt8]) throws(SinkError) {
            renderer.render(batch, into: &output)
        }
    }
}
