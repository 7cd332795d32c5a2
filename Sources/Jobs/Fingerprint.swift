import Crypto

/// What decides the rows of every window of an export, apart from the window itself.
///
/// Each part is handed in as bytes in a canonical form: equal where a user would call the part unchanged (key order and
/// white space of the job file do not count). How the rows are fetched, where they land, lookback and the `on_…` rules
/// are no part of it.
package struct Fingerprint: Sendable {
    /// The query without its dates, and without its accounts where each account is a window of its own.
    package var query: [UInt8]
    /// The stages, in order.
    package var stages: [UInt8]
    /// How columns are named.
    package var columns: [UInt8]
    /// The pinned types, nullability and values.
    package var contract: [UInt8]
    /// A digest of the keys of `hash` stages; never the keys.
    package var hashKeys: [UInt8]

    /// A fingerprint of these parts.
    package init(
        query: [UInt8],
        stages: [UInt8] = [],
        columns: [UInt8] = [],
        contract: [UInt8] = [],
        hashKeys: [UInt8] = []
    ) {
        self.query = query
        self.stages = stages
        self.columns = columns
        self.contract = contract
        self.hashKeys = hashKeys
    }

    /// SHA-256 over the labelled parts, 64 lower-case hexadecimal digits: what checkpoints store.
    package var text: String {
        var labelled = LengthPrefixedBytes()
        let parts = [
            ("query", query), ("stages", stages), ("columns", columns), ("contract", contract), ("hash_keys", hashKeys),
        ]
        for (label, bytes) in parts {
            labelled.append(label)
            labelled.append(bytes)
        }
        let digits = Array("0123456789abcdef".utf8)
        let text = SHA256.hash(data: labelled.bytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
