#if Postgres
import ByteCodecs
import PipelineCore
import Synchronization

/// The table rows land in: what it looks like, what may be done with it, and how it is brought to hold new columns.
final class TargetTable: Sendable {
    let database: Database
    let options: PostgresSink.Options
    private let prepared = Mutex<[Schema: Fit]>([:])

    /// How values of a schema's types meet the table's columns.
    struct Fit: Sendable {
        /// Whether every column has the type sluice itself would give it, so that binary forms fit.
        var isExact: Bool
        /// Columns that take less than such, by name.
        var limits: [String: CopyLimit]
    }

    init(_ database: Database, _ options: PostgresSink.Options) {
        self.database = database
        self.options = options
    }

    private var table: TableName { database.table }
    private var destination: String { database.destination }

    func design(of schema: Schema) -> TableDesign {
        TableDesign(table: table, schema: schema, hasKey: options.mode == .merge, readers: options.readers)
    }

    // MARK: Looking

    /// The table as it is; nil where there is none.
    static func shape(of table: TableName, _ connection: Connection) async throws -> TableShape? {
        let found = try await connection.query(
            """
            SELECT c.oid, c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = $2
            """,
            [table.schema, table.name]
        )
        guard let row = found.values.first, let oid = row[0] else { return nil }
        let columns = try await connection.query(
            """
            SELECT attname, format_type(atttypid, atttypmod),
                attnotnull AND NOT atthasdef AND attidentity = '' AS required, NOT attnotnull AS takes_null,
                attgenerated <> '' OR attidentity = 'a' AS generated
            FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
            """,
            [oid]
        )
        return TableShape(
            oid: oid,
            kind: row[1] ?? "",
            columns: columns.values.map { column in
                TableShape.Column(
                    name: column[0] ?? "",
                    type: ServerType(column[1] ?? ""),
                    isRequired: column[2] == "t",
                    takesNull: column[3] == "t",
                    isGenerated: column[4] == "t"
                )
            }
        )
    }

    func shape(_ connection: Connection) async throws -> TableShape? { try await Self.shape(of: table, connection) }

    /// Whether the table holds no row.
    func isEmpty(_ connection: Connection) async throws -> Bool {
        try await connection.query("SELECT 1 FROM \(table.quoted) LIMIT 1").first == nil
    }

    /// Refuses a table that must not be loaded into, before anything is asked of the API.
    ///
    /// - Returns: The table; nil where there is none yet.
    /// - Throws: `SinkError` saying what to do.
    func admit(_ connection: Connection) async throws -> TableShape? {
        guard let shape = try await shape(connection) else { return nil }
        guard ["r", "p"].contains(shape.kind) else {
            throw SinkError(.configuration, "\(destination) is no table, but a view or the like; name a table")
        }
        if !shape.marksWindows {
            guard options.adopt else {
                throw SinkError(
                    .configuration,
                    "\(destination) was not made by sluice; allow it to load there with adopt: true, or name another table"
                )
            }
            let mayStay = options.existing != nil ? true : try await isEmpty(connection)
            guard mayStay else {
                throw SinkError(
                    .configuration,
                    "\(destination) holds rows already; write existing: keep to load beside them, or existing: replace to"
                        + " have the first window that commits take their place"
                )
            }
        }
        let cascades = try await connection.query(
            """
            SELECT conrelid::regclass, conname FROM pg_constraint
            WHERE contype = 'f' AND confrelid = $1::oid AND confdeltype IN ('c', 'n', 'd') ORDER BY 1, 2
            """,
            [shape.oid]
        )
        if options.mode != .append, let row = cascades.values.first {
            throw SinkError(
                .configuration,
                "\(destination): the foreign key \(row[1] ?? "") of \(row[0] ?? "") would change that table whenever a"
                    + " window is loaded again; drop it, or make it NO ACTION"
            )
        }
        return shape
    }

    /// What a person should know of the table although it can be loaded into.
    func remarks(_ shape: TableShape, _ connection: Connection) async throws -> [String] {
        var remarks: [String] = []
        let triggers = try await connection.query(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = $1::oid AND NOT tgisinternal AND tgtype & 8 <> 0 ORDER BY 1",
            [shape.oid]
        )
        for row in triggers.values {
            remarks.append("the trigger \(row[0] ?? "") runs for every row that a load of an old window deletes")
        }
        let publications = try await connection.query(
            "SELECT pubname FROM pg_publication_tables WHERE schemaname = $1 AND tablename = $2 ORDER BY 1",
            [table.schema, table.name]
        )
        for row in publications.values {
            remarks.append(
                "subscribers of the publication \(row[0] ?? "") get every row of a window that is loaded again"
            )
        }
        let references = try await connection.query(
            "SELECT conrelid::regclass FROM pg_constraint WHERE contype = 'f' AND confrelid = $1::oid ORDER BY 1",
            [shape.oid]
        )
        for row in references.values {
            remarks.append("rows that \(row[0] ?? "") refers to cannot be replaced")
        }
        if try await connection.query("SELECT row_security_active($1::oid)", [shape.oid]).first == "t" {
            throw SinkError(
                .destination,
                "\(destination): row-level security applies to this role, and COPY does not work with it; load as a role"
                    + " with BYPASSRLS"
            )
        }
        return remarks
    }

    /// Privileges the role lacks on the table.
    func missingPrivileges(_ shape: TableShape, _ connection: Connection) async throws -> [String] {
        var missing: [String] = []
        for privilege in ["SELECT", "INSERT", "DELETE"] + (options.mode == .merge ? ["UPDATE"] : []) {
            let held = try await connection.query(
                "SELECT has_table_privilege($1::oid, $2)",
                [shape.oid, privilege]
            ).first
            if held != "t" { missing.append(privilege) }
        }
        return missing
    }

    // MARK: Changing

    /// Brings the table to hold the columns of `schema`; in a transaction of its own, and only where it must change.
    ///
    /// - Returns: How the values meet its columns.
    /// - Throws: `SinkError`, with the code `.schema` where the table would have to be rewritten.
    func prepare(_ schema: Schema) async throws(SinkError) -> Fit {
        if let fit = prepared.withLock({ $0[schema] }) { return fit }
        let design = design(of: schema)
        try design.checkNames()
        let action = "bring the table to these columns"
        let change = try await database.transaction(action, mode: .snapshot) { connection in
            try await neededChange(design, connection)
        }
        if !change.statements.isEmpty {
            try await database.transaction(action) { connection in try await apply(design, connection) }
            FaultPoint.pass("postgres.table.after-commit")
        }
        let fit = Fit(isExact: change.isExact, limits: change.limits)
        prepared.withLock { $0[schema] = fit }
        return fit
    }

    /// What is to be done to the table, if anything.
    func neededChange(_ design: TableDesign, _ connection: Connection) async throws -> TableDesign.Change {
        guard let shape = try await admit(connection) else {
            var change = design.creation
            let exists = try await connection.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [table.schema])
            if exists.first == nil {
                change.statements.insert("CREATE SCHEMA \(SQLText.name(table.schema))", at: 0)
                change.description.insert("create the schema \(table.schema)", at: 0)
            }
            return change
        }
        let change = try design.change(of: shape)
        if let rewrite = change.rewritten.first {
            throw try await design.refusal(rewrite, views: views(of: rewrite.column.name, shape, connection))
        }
        for column in change.altered {
            let views = try await views(of: column, shape, connection)
            guard !views.isEmpty else { continue }
            throw SinkError(
                .schema,
                "\(destination): the column '\(column)' cannot be widened while views use it:"
                    + " \(views.joined(separator: ", ")). Drop them, run \(change.statements.joined(separator: "; "))"
                    + " and make them anew"
            )
        }
        return change
    }

    private func views(of column: String, _ shape: TableShape, _ connection: Connection) async throws -> [String] {
        let rows = try await connection.query(
            """
            SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend AS d
            JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
            JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
            WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid AND a.attname = $2
                AND r.ev_class <> d.refobjid ORDER BY 1
            """,
            [shape.oid, column]
        )
        return rows.values.compactMap(\.[0])
    }

    /// Makes or changes the table within the caller's transaction.
    private func apply(_ design: TableDesign, _ connection: Connection) async throws {
        try await connection.query(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            ["sluice table \(table.quoted)"]
        )
        // Another export may have changed it meanwhile.
        let change = try await neededChange(design, connection)
        let before = try await shape(connection)
        do throws(DatabaseError) {
            for statement in change.statements { try await connection.execute(statement) }
        } catch {
            // Somebody else has just made it: the next look sees that.
            var error = error
            error.isTransient = error.isTransient || ["42P07", "42P06"].contains(error.sqlState)
            guard error.sqlState == "42501" else { throw error }
            let script = change.statements.map { $0 + ";" }.joined(separator: "\n")
            throw SinkError(
                .destination,
                "\(destination): \(error). Let someone who may run this, then run again:\n\n\(script)\n"
            )
        }
        let replaces = before.map { !$0.marksWindows } ?? false && options.existing == .replace
        try await connection.query(
            """
            INSERT INTO \(database.ledger("tables")) AS t (table_schema, table_name, origin, replaces_existing)
            VALUES ($1, $2, $3, $4::boolean)
            ON CONFLICT (table_schema, table_name) DO UPDATE
            SET replaces_existing = t.replaces_existing OR excluded.replaces_existing
            """,
            [table.schema, table.name, before == nil ? "created" : "adopted", replaces ? "true" : "false"]
        )
        FaultPoint.pass("postgres.table.before-commit")
    }

    /// Deletes the rows an adopted table held before, where the options say so and it has not happened yet; part of the
    /// caller's transaction.
    func replaceExisting(_ connection: Connection) async throws {
        guard options.existing == .replace else { return }
        let isDue = try await connection.query(
            """
            UPDATE \(database.ledger("tables")) SET replaces_existing = false
            WHERE table_schema = $1 AND table_name = $2 AND replaces_existing RETURNING 1
            """,
            [table.schema, table.name]
        )
        guard isDue.first != nil else { return }
        try await connection.execute(
            "DELETE FROM \(table.quoted) WHERE \(SQLText.name(OwnColumn.window)) IS NULL"
        )
    }

    // MARK: The index of windows

    /// Whether the rows of a window can be found without reading the whole table.
    func hasIndex(_ shape: TableShape, _ connection: Connection) async throws -> Bool {
        try await connection.query(
            """
            SELECT 1 FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = $1::oid AND a.attname = $2 AND i.indisvalid AND i.indpred IS NULL
            """,
            [shape.oid, OwnColumn.window]
        ).first != nil
    }

    /// Builds the index that finds the rows of a window, if there is none.
    ///
    /// Loads do without it where nobody lets it be built; they are slower then.
    func buildIndex() async throws(SinkError) {
        let action = "build the index of windows"
        let isMissing = try await database.transaction(action, mode: .snapshot) { connection in
            guard let shape = try await shape(connection), shape.marksWindows else { return false }
            return try await !hasIndex(shape, connection)
        }
        guard isMissing else { return }
        try await database.transaction(action) { connection in
            try await connection.query(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                ["sluice table \(table.quoted)"]
            )
            try await connection.execute(design(of: Schema([])).windowIndex)
        }
    }
}
#endif
