public import PipelineCore
import Synchronization

/// `dedupe`: of rows that share a key, keeps one within a window: the first in row order, or that with the largest value.
///
/// Values are equal if they land equal: `1.0` is `1.00` in a numeric column, and null is equal to null but not to the
/// empty text. With `keep: {max: column}` the row with the column's largest value stays, at its own place; null is less
/// than every value, and of rows with the same value the first stays. Numbers are compared exactly, texts by their
/// characters' code points, `true` is more than `false`.
/// - Schema: none changes.
/// - Cost per row: one digest of the key's values, some tens of nanoseconds, and a look-up. Memory: 16 bytes per key, in
///   a table that is three eighths to three quarters full; `keyLimit` keys at most, which takes 256 MiB.
/// - Cost of `keep`: the row to keep is known after the last one only, so the window's rows wait in memory, `memoryLimit`
///   bytes of them at most; besides 32 to 64 bytes per key. The stages before it run on one core.
/// - Example: `dedupe: {key: [date, account_id]}`, `dedupe: {key: [campaign], keep: {max: updated_at}}`.
public struct DedupeStage: Stage {
    /// How many different keys a window may have.
    public static let keyLimit = 12_000_000
    /// How many bytes the rows of a window may take while they wait for the last one: some two million rows of 200 bytes.
    public static let memoryLimit = 512 << 20

    private let key: [String]
    /// The column whose largest value decides; nil where the first row stays.
    private let maximum: String?
    private let limit: Int

    /// Keeps the first row of each `key`, or the one with the largest value in the column `maximum`.
    public init(key: [String], maximum: String? = nil) {
        self.init(key: key, maximum: maximum, limit: maximum == nil ? Self.keyLimit : Self.memoryLimit)
    }

    /// The same with a limit of its own: of keys, or with `maximum` of bytes.
    init(key: [String], maximum: String? = nil, limit: Int) {
        (self.key, self.maximum, self.limit) = (key, maximum, limit)
    }

    /// Ties the stage to columns; those of the key, and the one whose largest value decides, must be there.
    ///
    /// What it returns is for one window.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        var random = SystemRandomNumberGenerator()
        let key = RowKey(try input.positions(of: key, for: Self.name), of: input, using: &random)
        guard let maximum else { return BoundDedupe(output: input, key: key, limit: limit) }
        let position = try input.position(of: maximum, for: Self.name)
        guard let order = ValueOrder(input.columns[position].type) else {
            throw StageError(.schema, "\(Self.name): column '\(maximum)' is json, which has no order; cast it first")
        }
        return BoundDedupeByMaximum(output: input, key: key, position: position, order: order, memoryLimit: limit)
    }
}

extension DedupeStage: NamedStage {
    static let name = "dedupe"

    init(arguments: StageArgument) throws(StageError) {
        let usage = "expected `\(Self.name): {key: [date, account_id]}`"
        guard case .map(let entries) = arguments else { throw StageError(.schema, "\(Self.name): \(usage)") }
        var (key, maximum) = ([String](), String?.none)
        for entry in entries {
            switch entry.key {
            case "key": key = try entry.value.columnNames(of: Self.name)
            case "keep": maximum = try Self.maximum(in: entry.value)
            default:
                let hint = NearestName.hint(for: entry.key, in: ["key", "keep"], called: "keys")
                throw StageError(.schema, "\(Self.name): there is no key '\(entry.key)'\(hint)")
            }
        }
        guard !key.isEmpty else { throw StageError(.schema, "\(Self.name): \(usage)") }
        self.init(key: key, maximum: maximum)
    }

    private static func maximum(in keep: StageArgument) throws(StageError) -> String {
        guard case .map(let entries) = keep, entries.count == 1, entries[0].key == "max",
            let name = entries[0].value.name
        else {
            throw StageError(
                .schema,
                "\(Self.name): expected `keep: {max: updated_at}`; without it the first row stays"
            )
        }
        return name
    }
}

extension DedupeStage: NameCheckedStage {
    /// The same columns, if it finds those it names.
    package func names(from input: Schema) throws(StageError) -> Schema {
        _ = try input.positions(of: key, for: Self.name)
        if let maximum { _ = try input.position(of: maximum, for: Self.name) }
        return input
    }
}

/// The keys of one window.
private final class BoundDedupe: OrderedStage, TracedStage {
    let output: Schema
    private let key: RowKey
    private let limit: Int
    private let seen = Mutex(KeySet())

    var readColumns: [Int] { key.columns }

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

/// The rows of one window, of which the largest of each key stays.
private struct BoundDedupeByMaximum: HoldingStage {
    let output: Schema
    let key: RowKey
    /// The column whose largest value decides.
    let position: Int
    let order: ValueOrder
    let memoryLimit: Int

    var readColumns: [Int] { key.columns + [position] }

    /// Where a row stands.
    private struct Place {
        var batch: UInt32
        var row: UInt32
    }

    func surplus(among batches: [Batch]) -> [[Int]] {
        var largest: [UInt128: Place] = [:]
        var surplus = batches.map { _ in [Int]() }
        var scratch = ValueOrder.Scratch()
        for index in batches.indices {
            for (row, key) in key.keys(of: batches[index]).enumerated() {
                let place = Place(batch: UInt32(index), row: UInt32(row))
                guard let rival = largest[key] else {
                    largest[key] = place
                    continue
                }
                let other = Int(rival.batch)
                let isLarger = order.isOrdered(
                    batches[other].cells[Int(rival.row) * output.columns.count + position],
                    in: batches[other].bytes,
                    before: batches[index].cells[row * output.columns.count + position],
                    in: batches[index].bytes,
                    &scratch
                )
                if isLarger {
                    surplus[other].append(Int(rival.row))
                    largest[key] = place
                } else {
                    surplus[index].append(row)
                }
            }
        }
        for index in surplus.indices { surplus[index].sort() }
        return surplus
    }
}
