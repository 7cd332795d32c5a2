import Crypto
package import PipelineCore

extension WindowID {
    /// The id of the window of `export` at this cell and account: the same on every machine, in every sink.
    ///
    /// It is the first 8 bytes, most significant first, of SHA-256 over job, export and cell, each as its length in
    /// UTF-8 bytes (8 bytes, most significant first) and those bytes, then a byte 0, or a byte 1 and the account in the
    /// same form.
    package init(export: ExportID, cell: GridCell, account: String?) {
        var identity = LengthPrefixedBytes()
        identity.append(export.job)
        identity.append(export.export)
        identity.append(cell.description)
        if let account {
            identity.bytes.append(1)
            identity.append(account)
        } else {
            identity.bytes.append(0)
        }
        let bits = SHA256.hash(data: identity.bytes).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        self.init(Int64(bitPattern: bits))
    }
}

extension Window {
    /// The window of `export` at this cell and account.
    package init(export: ExportID, cell: GridCell, account: String?) {
        self.init(id: WindowID(export: export, cell: cell, account: account), cell: cell, account: account)
    }
}

/// Values written one after the other so that no two different lists of them give the same bytes.
struct LengthPrefixedBytes {
    /// What was written so far.
    var bytes: [UInt8] = []

    /// Appends the length of the text in UTF-8 and the text.
    mutating func append(_ text: String) { append(Array(text.utf8)) }

    /// Appends the length of `value`, 8 bytes, most significant first, and `value`.
    mutating func append(_ value: [UInt8]) {
        let length = UInt64(value.count)
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: length >> shift))
        }
        bytes.append(contentsOf: value)
    }
}
