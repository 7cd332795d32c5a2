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
            SELECT attname,
                CASE typtype WHEN 'd' THEN format_type(typbasetype, typtypmod) ELSE format_type(atttypid, atttypmod) END,
                (attnotnull OR typnotnull) AND NOT atthasdef AND typdefault IS NULL AND attidentity = '' AS required,
                NOT (attnotnull OR typnotnull) AS takes_null,
                attgenerated <> '' OR attidentity = 'a' AS generated,
                typtype = 'd' AS is_domain
            FROM pg_attribute JOIN pg_type AS t ON t.oid = atttypid
            WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
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
                    isGenerated: column[4] == "t",
                    isDomain: column[5] == "t"
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
        try await refuseDetours(shape, connection)
        return shape
    }

    /// Refuses what makes the server do something else to rows than it is told: some would stay, or not come.
    private func refuseDetours(_ shape: TableShape, _ connection: Connection) async throws {
        if try await connection.query("SELECT row_security_active($1::oid)", [shape.oid]).first == "t" {
            throw SinkError(
                .destination,
                "\(destination): row-level security applies to this role, so that it would not see every row it has to"
                    + " replace, and COPY does not work with it; load as a role with BYPASSRLS"
            )
        }
        let rules = try await connection.query(
            """
            SELECT rulename FROM pg_rewrite
            WHERE ev_class = $1::oid AND is_instead AND ev_type IN ('2', '3', '4') AND ev_enabled <> 'D' ORDER BY 1
            """,
            [shape.oid]
        )
        guard let rule = rules.first else { return }
        throw SinkError(
            .configuration,
            "\(destination): the rule \(rule) makes the server do something else instead of what a load needs; drop it:"
                + " DROP RULE \(SQLText.name(rule)) ON \(table.quoted)"
        )
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
        return remarks
    }

    /// Privileges the role lacks to load into the table, or into one that is still to be made, as `GRANT` names them.
    func missingPrivileges(_ shape: TableShape?, _ connection: Connection) async throws -> [String] {
        let isMerge = options.mode == .merge
        var missing: [String] = []
        if isMerge {
            // It goes by a temporary table.
            let database = try await connection.query(
                "SELECT current_database() WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')"
            ).first
            if let database { missing.append("TEMPORARY ON DATABASE \(SQLText.name(database))") }
        }
        guard let shape else { return missing }
        let held =
            try await connection.query(
                """
                SELECT has_schema_privilege(relnamespace, 'USAGE'), has_table_privilege(oid, 'SELECT'),
                    has_table_privilege(oid, 'INSERT'), has_table_privilege(oid, 'DELETE'),
                    has_table_privilege(oid, 'UPDATE')
                FROM pg_class WHERE oid = $1::oid
                """,
                [shape.oid]
            ).values.first ?? []
        if held.first != "t" { missing.append("USAGE ON SCHEMA \(SQLText.name(table.schema))") }
        let wanted = ["SELECT", "INSERT", "DELETE"] + (isMerge ? ["UPDATE"] : [])
        let lacking = zip(wanted, held.dropFirst()).filter { $1 != "t" }.map(\.0)
        if !lacking.isEmpty { missing.append("\(lacking.joined(separator: ", ")) ON \(table.quoted)") }
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
            let mark = try await connection.query(
                "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = $1",
                [table.schema]
            ).first
            switch mark {
            case nil:
                change.statements = design.schemaCreation.statements + change.statements
                change.description = design.schemaCreation.description + change.description
            case TableDesign.schemaMark: change.statements = design.schemaGrants + change.statements
            default: break
            }
            return change
        }
        var change = try design.change(of: shape)
        if design.hasKey { try await checkKeyIndex(design, shape, &change, connection) }
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

    /// Has the index made by which `merge` finds rows, where it is missing: somebody dropped it, or the table is a copy.
    private func checkKeyIndex(
        _ design: TableDesign,
        _ shape: TableShape,
        _ change: inout TableDesign.Change,
        _ connection: Connection
    ) async throws {
        // A unique index there must hold the columns it is divided by (PostgreSQL, "Table Partitioning").
        guard shape.kind != "p" else {
            throw SinkError(
                .configuration,
                "\(destination) is partitioned, and no index can find a key in all partitions at once, which merge needs;"
                    + " use mode: replace_window, or a table that is not partitioned"
            )
        }
        let found = try await connection.query(
            """
            SELECT 1 FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = $1::oid AND a.attname = $2 AND i.indnkeyatts = 1 AND i.indisunique AND i.indisvalid
                AND i.indimmediate AND i.indpred IS NULL
            """,
            [shape.oid, OwnColumn.key]
        )
        guard found.first == nil else { return }
        change.statements.append(design.keyIndex)
        change.description.append("make the unique index of \(OwnColumn.key) on \(table)")
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
        if try await !database.hasSchema(table.schema, connection) {
            try await database.lockMaking(ofSchema: table.schema, connection)
        }
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
            error.isTransient = error.isTransient || error.isMadeAlready
            guard error.sqlState == "42501" else { throw error }
            await connection.rollback()
            throw try await database.needsAdministrator(handOut(change, connection), because: "\(error)")
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

    /// Statements that change the table and let this role load into it from then on, for somebody who may run them.
    func handOut(_ change: TableDesign.Change, _ connection: Connection) async throws -> [String] {
        let role = SQLText.name(try await connection.query("SELECT current_user").first ?? "sluice")
        // An index is its table's owner's to make.
        var isIndexed = false
        if let shape = try await shape(connection) { isIndexed = try await hasIndex(shape, connection) }
        return change.statements + (isIndexed ? [] : [design(of: Schema([])).windowIndex]) + [
            "GRANT USAGE ON SCHEMA \(SQLText.name(table.schema)) TO \(role)",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON \(table.quoted) TO \(role)",
        ]
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
        try await delete("\(SQLText.name(OwnColumn.window)) IS NULL", [], connection)
    }

    /// Deletes rows, and proves that they are gone: a trigger can keep them without a word, and they would be there twice.
    ///
    /// - Parameters:
    ///   - condition: Which rows.
    ///   - parameters: Its `$1`, `$2`….
    ///   - connection: In a transaction.
    /// - Throws: `DatabaseError`, or `SinkError` where rows stayed.
    func delete(_ condition: String, _ parameters: [String?], _ connection: Connection) async throws {
        try await connection.query("DELETE FROM \(table.quoted) WHERE \(condition)", parameters)
        // Row triggers (1) before (2) a deletion (8): only they can (PostgreSQL, "Overview of Trigger Behavior").
        let triggers = try await connection.query(
            """
            SELECT tgname FROM pg_trigger
            WHERE tgrelid IN (SELECT $1::regclass UNION SELECT relid FROM pg_partition_tree($1::regclass))
                AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 11 = 11 ORDER BY 1
            """,
            [table.quoted]
        )
        guard let trigger = triggers.first else { return }
        let kept = try await connection.query(
            "SELECT 1 FROM \(table.quoted) WHERE \(condition) LIMIT 1",
            parameters
        )
        guard kept.first == nil else {
            throw SinkError(
                .destination,
                "\(destination): rows that were to be replaced are still there after their deletion, so nothing was"
                    + " loaded: the trigger \(trigger) keeps them"
            )
        }
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
            try await lacksIndex(connection)
        }
        guard isMissing else { return }
        try await database.transaction(action) { connection in
            try await connection.query(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                ["sluice table \(table.quoted)"]
            )
            // Another run may have built it while this one waited.
            guard try await lacksIndex(connection) else { return }
            try await connection.execute(design(of: Schema([])).windowIndex)
        }
    }

    private func lacksIndex(_ connection: Connection) async throws -> Bool {
        guard let shape = try await shape(connection), shape.marksWindows else { return false }
        return try await !hasIndex(shape, connection)
    }
}
#endif
