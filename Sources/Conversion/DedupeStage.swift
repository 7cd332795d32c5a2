public import PipelineCore
import Synchronization

/// `dedupe`: of rows that share a key, keeps the first in row order, within a window.
///
/// Values are equal if they land equal: `1.0` is `1.00` in a numeric column, and null is equal to null but not to the
/// empty text.
/// - Schema: none changes.
/// - Cost per row: one digest of the key's values, some tens of nanoseconds, and a look-up. Memory: 16 bytes per key, in
///   a table that is three eighths to three quarters full; `keyLimit` keys at most, which takes 256 MiB.
/// - Example: `dedupe: {key: [date, account_id]}`.
public struct DedupeStage: Stage {
    /// How many different keys a window may have.
    public static let keyLimit = 12_000_000

    private let key: [String]
    private let limit: Int
    /// Whether the first row of each key is asked for; another cannot be known before the last row is read.
    private var keepsFirst = true

    /// Keeps the first row of each `key`.
    public init(key: [String]) { self.init(key: key, limit: Self.keyLimit) }

    init(key: [String], limit: Int) { (self.key, self.limit) = (key, limit) }

    /// Ties the stage to columns; those of the key must be there.
    ///
    /// What it returns is for one window.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        let positions = try input.positions(of: key, for: Self.name)
        guard keepsFirst else {
            throw StageError(
                .schema,
                "\(Self.name): the first row of each key stays; leave `keep` out, and order the rows with the query's "
                    + "order_rows so that the one you want comes first"
            )
        }
        var random = SystemRandomNumberGenerator()
        return BoundDedupe(output: input, key: RowKey(positions, of: input, using: &random), limit: limit)
    }
}

extension DedupeStage: NamedStage {
    static let name = "dedupe"

    init(arguments: StageArgument) throws(StageError) {
        let usage = "expected `\(Self.name): {key: [date, account_id]}`"
        guard case .map(let entries) = arguments else { throw StageError(.schema, "\(Self.name): \(usage)") }
        var (key, keepsFirst) = ([String](), true)
        for entry in entries {
            switch entry.key {
            case "key": key = try entry.value.columnNames(of: Self.name)
            case "keep": keepsFirst = false
            default:
                let hint = NearestName.hint(for: entry.key, in: ["key", "keep"], called: "keys")
                throw StageError(.schema, "\(Self.name): there is no key '\(entry.key)'\(hint)")
            }
        }
        guard !key.isEmpty else { throw StageError(.schema, "\(Self.name): \(usage)") }
        self.init(key: key)
        self.keepsFirst = keepsFirst
    }
}

extension DedupeStage: NameCheckedStage {
    /// The same columns, if it finds those of the key.
    package func names(from input: Schema) throws(StageError) -> Schema {
        _ = try input.positions(of: key, for: Self.name)
        return input
    }
}

/// The keys of one window.
private final class BoundDedupe: OrderedStage, TracedStage {
    let output: Schema
    private let key: RowKey
    private let limit: Int
    private let seen = Mutex(KeySet())

    init(output: Schema, key: RowKey, limit: Int) {
        (self.output, self.key, self.limit) = (output, key, limit)
    }

    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) throws(StageError) {
        let keys = key.keys(of: batch)
        let (gone, count) = seen.withLock { seen in
            (keys.indices.filter { !seen.insert(keys[$0]) }, seen.count)
        }
        guard count <= limit else {
            throw StageError(
                .data,
                "\(DedupeStage.name): a window has more than \(limit) different keys; make its windows smaller"
            )
        }
        rejects.deduplicated += gone.count
        batch.removeRows(at: gone)
    }
}
