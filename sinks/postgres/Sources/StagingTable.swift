#if Postgres
import PipelineCore

/// The table in which windows wait until all of their run are there: logged, so that it survives a crash of the server,
/// and in the ledger's schema, where nobody reads it by mistake.
struct StagingTable: Sendable {
    let database: Database
    let table: TableName

    init(_ database: Database, _ export: ExportID) {
        self.database = database
        // FNV-1a: the name must only be the same each time and differ from others.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(database.table.quoted) \(export.job)\u{0}\(export.export)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        let digits = String(hash, radix: 16)
        table = TableName(
            schema: database.ledgerSchema,
            name: "staged_" + String(repeating: "0", count: 16 - digits.count) + digits
        )
    }

    /// Shared by every transaction that writes into it; who holds the lease may end those that hold it besides.
    var lockName: String { "sluice staging \(table.quoted)" }

    /// The index that finds a key that stands in a window twice.
    var keyIndex: String { table.name + "_key" }

    private static let window = SQLText.name(OwnColumn.window)

    /// Brings the table to hold these columns; in a transaction of its own, and only where it must change.
    func prepare(_ design: TableDesign) async throws(SinkError) {
        var design = design
        design.table = table
        design.readers = []
        let own = design
        try await database.transaction("prepare the table \(table)") { connection in
            guard try await !change(own, connection).statements.isEmpty else { return }
            try await connection.query(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                ["sluice table \(table.quoted)"]
            )
            for statement in try await change(own, connection).statements {
                try await connection.execute(statement)
            }
        }
    }

    private func change(_ design: TableDesign, _ connection: Connection) async throws -> TableDesign.Change {
        if let shape = try await TargetTable.shape(of: table, connection) {
            let change = try design.change(of: shape)
            if let rewrite = change.rewritten.first { throw design.refusal(rewrite, views: []) }
            return change
        }
        var change = design.creation
        guard design.hasKey else { return change }
        // A key may stand in several windows, but not twice in one.
        change.statements.removeLast()
        change.statements.append(
            "CREATE UNIQUE INDEX \(SQLText.name(keyIndex)) ON \(table.quoted)"
                + " (\(Self.window), \(SQLText.name(OwnColumn.key)))"
        )
        return change
    }

    /// Keeps the rows of these windows alone; the table goes where there are none.
    func keep(_ windows: Set<WindowID>, _ connection: Connection) async throws {
        guard !windows.isEmpty, try await TargetTable.shape(of: table, connection) != nil else {
            return try await drop(connection)
        }
        try await connection.query(
            "DELETE FROM \(table.quoted) WHERE \(Self.window) <> ALL ($1::bigint[])",
            [ExportLedger.array(Array(windows))]
        )
    }

    func drop(_ connection: Connection) async throws {
        try await connection.execute("DROP TABLE IF EXISTS \(table.quoted)")
    }

    /// The windows of which it holds rows.
    func windows(_ connection: Connection) async throws -> Set<WindowID> {
        guard try await TargetTable.shape(of: table, connection) != nil else { return [] }
        let rows = try await connection.query("SELECT DISTINCT \(Self.window) FROM \(table.quoted)")
        return Set(rows.values.compactMap { $0[0].flatMap { Int64($0) } }.map(WindowID.init))
    }

    /// Inserts every row into `target`.
    ///
    /// - Parameters:
    ///   - target: The table.
    ///   - order: The windows, oldest first.
    ///   - byKey: Whether of rows with the same key only that of the latest window is taken.
    ///   - connection: In a transaction.
    /// - Returns: How many rows.
    /// - Throws: `DatabaseError`.
    func moveRows(
        into target: TableName,
        order: [WindowID],
        byKey: Bool,
        _ connection: Connection
    ) async throws -> Int {
        guard let shape = try await TargetTable.shape(of: table, connection) else { return 0 }
        let columns = shape.columns.map { SQLText.name($0.name) }.joined(separator: ", ")
        let key = SQLText.name(OwnColumn.key)
        let ids = SQLText.literal(ExportLedger.array(order))
        let source =
            byKey
            ? "SELECT DISTINCT ON (\(key)) \(columns) FROM \(table.quoted)"
                + " ORDER BY \(key), array_position(\(ids)::bigint[], \(Self.window)) DESC"
            : "SELECT \(columns) FROM \(table.quoted)"
        let done = try await connection.execute("INSERT INTO \(target.quoted) (\(columns)) \(source)")
        return done.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }
}
#endif
