import Glibc
public import PipelineCore

/// Where a file sink's rows land: one folder per window, one file, or standard output; and in what form.
///
/// A path that ends with `/` or is a folder is a folder; `-` is standard output; anything else is a file. gzip is the
/// default in folders and for names that end with `.gz`.
public struct FileTarget: Sendable {
    enum Location: Sendable {
        case folder(Folder)
        case file(SingleFile)
        /// A file descriptor that stays open.
        case stream(Int32)
    }

    /// How standard output is named as a destination.
    package static let standardOutput = "standard output"

    let location: Location
    let compression: FileCompression
    private let format: any FileFormat
    private let tools: EncodingTools

    /// A destination as the options of a sink describe it.
    ///
    /// - Parameters:
    ///   - path: The folder, the file or `-`; placeholders are resolved.
    ///   - compression: Whether to compress; nil for the default of the path.
    ///   - level: The level of gzip, 1 to 9; nil for the default.
    ///   - format: The format of the rows.
    /// - Throws: `SinkError` with the code `.configuration`, naming the key and what it may be.
    public init(
        path: String,
        compression: CompressionOption? = nil,
        level: Int? = nil,
        format: any FileFormat
    ) throws(SinkError) {
        try self.init(location: Self.location(of: path, format), path, compression, level, format)
    }

    init(
        location: Location,
        _ path: String,
        _ compression: CompressionOption?,
        _ level: Int?,
        _ format: any FileFormat
    ) throws(SinkError) {
        let level = level ?? FileCompression.defaultLevel
        guard FileCompression.levels.contains(level) else {
            throw SinkError(
                .configuration,
                "\(format.name): level: expected \(FileCompression.expectedLevel), found \(level)"
            )
        }
        let byDefault: CompressionOption =
            switch location {
            case .folder: .gzip
            case .file: path.hasSuffix(".gz") ? .gzip : .none
            case .stream: .none
            }
        self.location = location
        self.format = format
        self.compression = (compression ?? byDefault) == .gzip ? .gzip(level: level) : .none
        tools = EncodingTools(self.compression)
    }

    /// Why no file or folder can be meant by the path, whatever there is on the disk; nil where one can.
    static func problem(ofPath path: String) -> String? {
        guard !path.isEmpty, !path.utf8.contains(0) else { return "expected a file, a folder that ends with /, or -" }
        // A folder named `s3:` is what nobody means.
        guard let scheme = path.wholeMatch(of: /([A-Za-z][A-Za-z0-9+.-]*):\/\/.*/)?.output.1 else { return nil }
        return "\(scheme):// is not a file system; name a file or a folder, which may be a mount"
    }

    private static func location(of path: String, _ format: any FileFormat) throws(SinkError) -> Location {
        if let problem = problem(ofPath: path) { throw SinkError(.configuration, "\(format.name): path: \(problem)") }
        if path == "-" { return .stream(STDOUT_FILENO) }
        let canonical = FileSystem.canonical(path)
        let kind = try FileSystem.kind(canonical)
        if path.hasSuffix("/") || kind == .folder { return .folder(Folder(root: canonical, formatName: format.name)) }
        guard kind != .other else {
            throw SinkError(
                .configuration,
                "\(format.name): path: \(path) is neither a file nor a folder, and would be replaced by "
                    + "one; write - for standard output"
            )
        }
        return .file(SingleFile(canonical))
    }

    /// The name of a window's file in a folder.
    var partName: String { "part-0.\(format.name)" + (compression == .none ? "" : ".gz") }
    /// The name of a window's rows before they are joined.
    var fragmentName: String { "part-0.\(format.name)" + (compression == .none ? "" : ".deflate") }

    /// What rows must have in common to stand in one file or folder.
    var form: String { "\(format.name) \(compression == .none ? "plain" : "gzip") \(format.dialect)" }

    func encoder(for schema: Schema) throws(SinkError) -> BlockEncoder {
        BlockEncoder(renderer: try format.renderer(for: schema), tools: tools)
    }
}

/// What a user may write for `compression`.
public enum CompressionOption: String, CaseIterable, Hashable, Sendable {
    /// One gzip member per file.
    case gzip
    /// Plain bytes.
    case none
}
