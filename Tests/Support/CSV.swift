/// CSV as another program reads it.
package enum CSV {
    /// A reader by RFC 4180 and no more, which tells a quoted empty field from one without quotes (null).
    package static func rows(_ bytes: [UInt8]) -> [[String?]] {
        var (rows, row, field) = ([[String?]](), [String?](), [UInt8]())
        var (isQuoted, wasQuoted) = (false, false)
        var index = 0
        func endField() {
            row.append(field.isEmpty && !wasQuoted ? nil : String(decoding: field, as: UTF8.self))
            (field, wasQuoted) = ([], false)
        }
        while index < bytes.count {
            defer { index += 1 }
            switch (bytes[index], isQuoted) {
            case (UInt8(ascii: "\""), true) where index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "\""):
                field.append(bytes[index])
                index += 1
            case (UInt8(ascii: "\""), true): isQuoted = false
            case (UInt8(ascii: "\""), false): (isQuoted, wasQuoted) = (true, true)
            case (UInt8(ascii: ","), false): endField()
            case (UInt8(ascii: "\n"), false):
                endField()
                rows.append(row)
                row = []
            case (let byte, _): field.append(byte)
            }
        }
        return rows
    }
}
