/// Renders the rows of one query as JSON, straight to bytes.
///
/// Row order is time, then account as asked, then row of the account, so that the rows of a range are the rows of its
/// parts one after the other. A value is a pure function of seed, source, account, days, field and row.
struct RowRenderer: Sendable {
    let spans: [DaySpan]
    let accounts: [DataSource.Account]
    let rowsPerBlock: Int
    private let columns: [ColumnRenderer]
    private let spanWords: [UInt64]
    private let accountWords: [UInt64]

    /// What the values depend on beside the query.
    struct Settings: Hashable, Sendable {
        var seed: UInt64
        var rowsPerBlock: Int
        var hostileRate: Double
        var style: EscapeStyle
        var decodesJSON: Bool
    }

    init(
        source: DataSource,
        fields: [SourceField],
        accounts: [DataSource.Account],
        spans: [DaySpan],
        settings: Settings
    ) {
        self.spans = spans
        self.accounts = accounts
        rowsPerBlock = settings.rowsPerBlock
        spanWords = spans.map { mix(UInt64(bitPattern: Int64($0.first.number)), UInt64($0.dayCount)) }
        accountWords = accounts.map { mix(settings.seed, digest(source.id + "/" + $0.id)) }
        columns = fields.map { ColumnRenderer($0, accounts: accounts, spans: spans, settings: settings) }
    }

    var rowCount: Int { spans.count * accounts.count * rowsPerBlock }

    /// Appends row `index` as a JSON array.
    func appendRow(_ index: Int, to bytes: inout [UInt8]) {
        let key = key(index)
        bytes.append(UInt8(ascii: "["))
        for column in columns.indices {
            if column > 0 { bytes.append(UInt8(ascii: ",")) }
            columns[column].append(key, to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// Appends one cell of row `index` as a JSON value.
    func appendCell(_ column: Int, ofRow index: Int, to bytes: inout [UInt8]) {
        columns[column].append(key(index), to: &bytes)
    }

    private func key(_ index: Int) -> RowKey {
        let (block, row) = index.quotientAndRemainder(dividingBy: rowsPerBlock)
        let (span, account) = block.quotientAndRemainder(dividingBy: accounts.count)
        return RowKey(
            span: span,
            account: account,
            row: UInt64(row),
            ordinal: UInt64(bitPattern: Int64(spans[span].first.number &* rowsPerBlock &+ row)),
            accountWord: accountWords[account],
            blockWord: mix(accountWords[account], spanWords[span])
        )
    }
}

/// Where a row is.
struct RowKey {
    var span: Int
    var account: Int
    var row: UInt64
    /// Counts an account's rows on through the days.
    var ordinal: UInt64
    var accountWord: UInt64
    var blockWord: UInt64
}

/// Renders the cells of one column; texts are escaped once, when the query is planned.
private struct ColumnRenderer: Sendable {
    private enum Cells {
        case bySpan([[UInt8]])
        case byAccount([[UInt8]])
        /// Stems and ends are halves of a JSON string: `"Brand` and ` 123"`, with the row between.
        case uniqueName(stems: [[UInt8]], hostileStems: [[UInt8]], ends: [[UInt8]])
        case bigID(quoted: Bool)
        case choice([[UInt8]])
        case text([[UInt8]])
        case url(start: [UInt8])
        case flag(quoted: Bool)
        case nested(quoted: Bool)
        case dateTime([[UInt8]])
        case integer(below: UInt64)
        case decimal(below: UInt64, places: Int)
    }

    private let word: UInt64
    private let cells: Cells
    private let hostile: [[UInt8]]
    /// One in this many consecutive rows is hostile; 0 for none.
    private let stride: UInt64
    private let nameStride: UInt64

    init(_ field: SourceField, accounts: [DataSource.Account], spans: [DaySpan], settings: RowRenderer.Settings) {
        let style = settings.style
        func string(_ text: String) -> [UInt8] { HostileValues.jsonString(text, style) }
        func start(_ text: String) -> [UInt8] { string(text).dropLast() }

        word = digest(field.id)
        stride = settings.hostileRate > 0 ? UInt64(max(1, (1 / settings.hostileRate).rounded())) : 0
        nameStride = min(stride, UInt64(max(2, settings.rowsPerBlock)))
        var hostile: [[UInt8]] = []
        switch field.content {
        case .time(.datetime): cells = .dateTime(spans.map { Array("\"\($0.first.iso) ".utf8) })
        case .time(let format): cells = .bySpan(spans.map { string(format.text($0.first)) })
        case .accountID: cells = .byAccount(accounts.map { string($0.id) })
        case .accountName: cells = .byAccount(accounts.map { string($0.name) })
        case .currency:
            let codes = ["EUR", "USD", "SEK", "JPY"]
            cells = .byAccount(accounts.map { string(codes[Int(digest($0.id) % 4)]) })
        case .uniqueName(let stems):
            cells = .uniqueName(
                stems: stems.map { start($0 + " ") },
                hostileStems: HostileValues.texts.map { start($0 + " ") },
                ends: accounts.map { [UInt8(ascii: " ")] + string("· " + $0.id).dropFirst() }
            )
        case .bigID(let quoted): cells = .bigID(quoted: quoted)
        case .choice(let words): cells = .choice(words.map(string))
        case .text(let words):
            cells = .text(words.map { start($0 + " ") })
            hostile = HostileValues.textTokens(style)
        case .url: cells = .url(start: start("https://www.example.com/p/"))
        case .flag(let quoted):
            cells = .flag(quoted: quoted)
            hostile = [Array("null".utf8)]
        case .nested: cells = .nested(quoted: !settings.decodesJSON)
        case .integer(let below):
            cells = .integer(below: below)
            hostile = HostileValues.integers.map { Array($0.utf8) }
        case .decimal(let below, let places):
            cells = .decimal(below: below, places: places)
            hostile = HostileValues.decimals.map { Array($0.utf8) }
        }
        self.hostile = hostile
    }

    func append(_ key: RowKey, to bytes: inout [UInt8]) {
        if stride > 0, !hostile.isEmpty, (key.ordinal &+ mix(word, key.accountWord)) % stride == 0 {
            let pick = mix(word &+ 1, key.ordinal ^ key.accountWord) % UInt64(hostile.count)
            bytes.append(contentsOf: hostile[Int(pick)])
            return
        }
        switch cells {
        case .bySpan(let tokens): bytes.append(contentsOf: tokens[key.span])
        case .byAccount(let tokens): bytes.append(contentsOf: tokens[key.account])
        case .uniqueName(let stems, let hostileStems, let ends):
            let draw = mix(word, key.accountWord) &+ key.row
            if nameStride > 0, draw % nameStride == 0 {
                bytes.append(contentsOf: hostileStems[Int(mix(draw, 1) % UInt64(hostileStems.count))])
            } else {
                bytes.append(contentsOf: stems[Int(draw % UInt64(stems.count))])
            }
            bytes.appendDigits(key.row)
            bytes.append(contentsOf: ends[key.account])
        case .bigID(let quoted):
            quote(quoted, &bytes)
            // 10^18 and more: beyond 2^53, within Int64; the row in the last digits keeps it unique.
            bytes.appendDigits(
                1_000_000_000_000_000_000 + (mix(word, key.accountWord) % 8_000_000_000) * 1_000_000_000 + key.row
            )
            quote(quoted, &bytes)
        case .choice(let words): bytes.append(contentsOf: words[Int(key.row % UInt64(words.count))])
        case .text(let words):
            let draw = mix(word ^ key.blockWord, key.row)
            bytes.append(contentsOf: words[Int(draw % UInt64(words.count))])
            bytes.appendDigits(draw >> 54)
            quote(true, &bytes)
        case .url(let start):
            bytes.append(contentsOf: start)
            bytes.appendDigits(mix(word ^ key.accountWord, key.row) >> 44)
            bytes.append(contentsOf: "?utm_source=x&id=".utf8)
            bytes.appendDigits(key.row)
            quote(true, &bytes)
        case .flag(let quoted):
            quote(quoted, &bytes)
            bytes.append(contentsOf: (mix(word ^ key.accountWord, key.row) & 1 == 0 ? "true" : "false").utf8)
            quote(quoted, &bytes)
        case .nested(let quoted): appendNested(quoted, key, to: &bytes)
        case .dateTime(let starts):
            let second = mix(word ^ key.blockWord, key.row) % 86_400
            bytes.append(contentsOf: starts[key.span])
            bytes.appendDigits(second / 3600, width: 2)
            bytes.append(UInt8(ascii: ":"))
            bytes.appendDigits(second / 60 % 60, width: 2)
            bytes.append(UInt8(ascii: ":"))
            bytes.appendDigits(second % 60, width: 2)
            quote(true, &bytes)
        case .integer(let below): bytes.appendDigits(mix(word ^ key.blockWord, key.row) % below)
        case .decimal(let below, let places):
            bytes.appendDecimal(mix(word ^ key.blockWord, key.row), below: below, places: places)
        }
    }

    private func appendNested(_ quoted: Bool, _ key: RowKey, to bytes: inout [UInt8]) {
        let draw = mix(word ^ key.accountWord, key.row)
        quote(quoted, &bytes)
        let mark = quoted ? #"\""# : "\""
        bytes.append(contentsOf: "{\(mark)age_min\(mark):".utf8)
        bytes.appendDigits(18 + draw % 40)
        bytes.append(
            contentsOf: ",\(mark)countries\(mark):[\(mark)FI\(mark),\(mark)SE\(mark)],\(mark)custom\(mark):null}".utf8
        )
        quote(quoted, &bytes)
    }

    @inline(__always)
    private func quote(_ isQuoted: Bool, _ bytes: inout [UInt8]) {
        if isQuoted { bytes.append(UInt8(ascii: "\"")) }
    }
}

extension CellContent.TimeFormat {
    /// The text of a day in this format (Supermetrics API: time formats).
    func text(_ day: CivilDay) -> String {
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        let (year, month, _) = day.components
        let week = day.isoWeek
        switch self {
        case .date, .datetime: return day.iso
        case .year: return String(year)
        case .yearmonth: return "\(year)|\(padded(month))"
        case .yearweekiso, .yearweek: return "\(week.year)|\(padded(week.week))"
        case .month: return padded(month)
        case .weekiso: return padded(week.week)
        case .dayofweekiso:
            let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
            return "\(day.isoWeekday) \(names[day.isoWeekday - 1])"
        }
    }
}

extension [UInt8] {
    /// Appends a number of `word` with up to `places` decimals, below `below`, without trailing zeros.
    fileprivate mutating func appendDecimal(_ word: UInt64, below: UInt64, places: Int) {
        var scale: UInt64 = 1
        for _ in 0..<places { scale &*= 10 }
        let (whole, remainder) = (word % (below &* scale)).quotientAndRemainder(dividingBy: scale)
        appendDigits(whole)
        guard remainder > 0 else { return }
        var fraction = remainder
        var width = places
        while fraction.isMultiple(of: 10) {
            fraction /= 10
            width -= 1
        }
        append(UInt8(ascii: "."))
        appendDigits(fraction, width: width)
    }
}
