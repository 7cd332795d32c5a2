import ByteCodecs
import Crypto
public import PipelineCore

/// `hash`: replaces values by their HMAC-SHA-256 (RFC 2104) under a secret key, in lower-case hex.
///
/// The same value has the same hash in every export and run that uses the key, so hashes can be joined and counted. A
/// null stays null. The raw values of such a column appear neither in quarantine nor in errors.
/// - Schema: the columns become `text`.
/// - Cost per value: two SHA-256 of a block each, some 200 ns, in which the crypto library allocates twice.
/// - Example: `hash: {columns: [email], key: "${PEPPER}"}`.
public struct HashStage: Stage {
    private let columns: [String]
    private let key: [UInt8]

    /// Hashes `columns` under `key`.
    public init(_ columns: [String], key: [UInt8]) {
        self.columns = columns
        self.key = key
    }

    /// Ties the stage to columns; those it names must be there.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        let positions = try input.positions(of: columns, for: Self.name)
        guard !key.isEmpty else { throw StageError(.schema, "\(Self.name): the key is empty; give it a secret") }
        var output = input
        for position in positions { output.columns[position].type = .text }
        return BoundHash(output: output, positions: positions, mac: HMAC<SHA256>(key: SymmetricKey(data: key)))
    }
}

extension HashStage: NamedStage {
    static let name = "hash"

    init(arguments: StageArgument) throws(StageError) {
        let usage = "expected `\(Self.name): {columns: [email], key: \"${PEPPER}\"}`"
        guard case .map(let entries) = arguments else { throw StageError(.schema, "\(Self.name): \(usage)") }
        var (columns, key) = ([String](), String?.none)
        for entry in entries {
            switch entry.key {
            case "columns": columns = try entry.value.columnNames(of: Self.name)
            case "key": key = entry.value.scalarText
            default:
                let hint = NearestName.hint(for: entry.key, in: ["columns", "key"], called: "keys")
                throw StageError(.schema, "\(Self.name): there is no key '\(entry.key)'\(hint)")
            }
        }
        guard !columns.isEmpty, let key, !key.isEmpty else {
            throw StageError(.schema, "\(Self.name): \(usage)")
        }
        self.init(columns, key: Array(key.utf8))
    }
}

private struct BoundHash: TracedStage {
    let output: Schema
    let positions: [Int]
    /// Keyed, and fed nothing yet: a copy of it saves hashing the key for every value.
    let mac: HMAC<SHA256>

    var hiddenColumns: [Int] { positions }

    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) {
        batch.schema = output
        let width = batch.columnCount
        var scratch: [UInt8] = []
        batch.bytes.reserveCapacity(batch.bytes.count + batch.rowCount * positions.count * 64)
        for position in positions {
            for index in stride(from: position, to: batch.cells.count, by: width) {
                var cell = batch.cells[index]
                guard !cell.isNull else { continue }
                if cell.kind == .escaped { cell = cell.unescaped(&batch.bytes, &scratch) }
                var mac = mac
                unsafe batch.bytes.span.extracting(cell.range).withUnsafeBytes { unsafe mac.update(data: $0) }
                let start = batch.bytes.count
                for byte in mac.finalize() {
                    batch.bytes.append(Self.digit(byte >> 4))
                    batch.bytes.append(Self.digit(byte & 15))
                }
                batch.cells[index] = Cell(.text, over: start..<batch.bytes.count)
            }
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
    }
}
