public import ByteCodecs
public import FileLoading
public import PipelineCore

/// Rows as CSV (RFC 4180): one file per window in a folder, one file per run, or standard output.
public struct CSVSink: FileSink {
    /// `csv`.
    public static let kind = "csv"

    /// Where the rows land.
    public let files: FileTarget

    /// A sink with these options.
    ///
    /// - Throws: `SinkError` with the code `.configuration`, naming the key and what it may be.
    public init(_ options: Options) throws(SinkError) {
        if let problem = options.dialect.problem { throw SinkError(.configuration, "csv: \(problem)") }
        files = try FileTarget(
            path: options.path,
            compression: options.compression,
            level: options.level,
            format: CSVFormat(options: options.dialect)
        )
    }

    /// Opens the sink for the time of `body`.
    public static func withSink<R>(_ options: Options, _ body: (CSVSink) async throws -> R) async throws -> R {
        try await body(CSVSink(options))
    }
}

extension CSVSink {
    /// What a job file may write under `csv`.
    public struct Options: SinkOptions, Hashable {
        /// The keys a user may write.
        public enum CodingKeys: String, CodingKey, CaseIterable {
            case path, delimiter, quote, null, header, bom
            case lineEnding = "line_ending"
            case escapeFormulas = "escape_formulas"
            case compression, level
        }

        /// A folder (`lake/`), a file (`out.csv.gz`) or `-`.
        public var path: String
        /// How the rows look.
        public var dialect: CSVOptions
        /// Whether to compress; nil for the default of the path.
        public var compression: CompressionOption?
        /// The level of gzip, 1 to 9; nil for 6.
        public var level: Int?

        /// Options with the defaults for what is left out.
        public init(
            path: String,
            dialect: CSVOptions = CSVOptions(),
            compression: CompressionOption? = nil,
            level: Int? = nil
        ) {
            self.path = path
            self.dialect = dialect
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
            dialect = CSVOptions()
            if let text = try container.decodeIfPresent(String.self, forKey: .delimiter) {
                guard let byte = text.utf8.first, text.utf8.count == 1 else {
                    throw DecodingError.dataCorruptedError(
                        forKey: .delimiter,
                        in: container,
                        debugDescription: "expected one character of ASCII"
                    )
                }
                dialect.delimiter = byte
            }
            dialect.quote = try container.decodeChoice(CSVOptions.Quote.self, forKey: .quote) ?? dialect.quote
            dialect.lineEnding =
                try container.decodeChoice(CSVOptions.LineEnding.self, forKey: .lineEnding) ?? dialect.lineEnding
            dialect.null = try container.decodeIfPresent(String.self, forKey: .null) ?? dialect.null
            dialect.header = try container.decodeIfPresent(Bool.self, forKey: .header) ?? dialect.header
            dialect.bom = try container.decodeIfPresent(Bool.self, forKey: .bom) ?? dialect.bom
            dialect.escapeFormulas =
                try container.decodeIfPresent(Bool.self, forKey: .escapeFormulas) ?? dialect.escapeFormulas
        }
    }
}

struct CSVFormat: FileFormat {
    let options: CSVOptions
    let name = CSVSink.kind

    var dialect: String {
        "delimiter=\(options.delimiter) quote=\(options.quote) line_ending=\(options.lineEnding) "
            + "header=\(options.header) bom=\(options.bom) escape_formulas=\(options.escapeFormulas) null=\(options.null)"
    }

    func renderer(for schema: Schema) throws(SinkError) -> any RowRenderer {
        BoundFormat(renderer: CSVRenderer(schema: schema, options: options))
    }

    private struct BoundFormat: RowRenderer {
        let renderer: CSVRenderer
        var header: [UInt8] { renderer.header }
        func render(_ batch: Batch, into output: inout [UInt8]) throws(SinkError) {
            renderer.render(batch, into: &output)
        }
    }
}
