#if Postgres
public import PipelineCore

extension PostgresSink {
    /// Looks at ledger, table and privileges in one transaction that reads alone.
    @discardableResult public func check(landing schema: Schema?) async throws(SinkError) -> [SinkNote] {
        let target = TargetTable(database, options)
        return try await database.transaction("look at the table and the ledger", mode: .snapshot) { connection in
            // What the role may not do itself is told in one script.
            var handOut: (statements: [String], reasons: [String]) = ([], [])
            func done(_ notes: [SinkNote]) throws(SinkError) -> [SinkNote] {
                guard handOut.reasons.isEmpty else {
                    let reason = handOut.reasons.joined(separator: ", and ")
                    throw database.needsAdministrator(handOut.statements, because: reason)
                }
                return notes
            }
            try await checkWritable(connection)
            let version = try await checkedLedgerVersion(connection)
            var notes = try await database.encodingNotes(connection)
            if version < database.migrations.version {
                notes.append(ledgerNote(version))
                if try await !database.mayCreate(inSchema: options.ledger, connection) {
                    let ledger = try await database.ledgerHandOut(connection, version: version)
                    handOut = (ledger.statements, [ledger.reason])
                }
            }
            let shape = try await target.admit(connection)
            let missing = try await target.missingPrivileges(shape, connection)
            guard missing.isEmpty else { throw try await lacking(missing, connection) }
            if let shape {
                notes += try await target.remarks(shape, connection).map { SinkNote(.warning, $0) }
                notes += try await unknownWindows(target, shape, connection)
            }
            guard let schema else { return try done(notes) }
            try checkKey(schema)
            let design = target.design(of: schema)
            try design.checkNames()
            let change = try await target.neededChange(design, connection)
            if !change.statements.isEmpty, try await !mayChange(shape, connection) {
                handOut.statements += try await target.handOut(change, connection)
                handOut.reasons.append(
                    shape == nil
                        ? "\(try await role(connection)) may not make tables in the schema \(database.table.schema)"
                        : "\(database.table) must be changed, which only its owner may do"
                )
            }
            return try done(notes + change.description.map { SinkNote(.change, $0) })
        }
    }

    private func checkKey(_ schema: Schema) throws(SinkError) {
        guard let column = options.key.first(where: { schema.index(of: $0) == nil }) else { return }
        throw SinkError(
            .configuration,
            "\(destination): the key names the column '\(column)', and none of that name lands"
        )
    }

    /// Refuses a server on which every transaction only reads, as this one does.
    private func checkWritable(_ connection: Connection) async throws {
        let isReadOnly = try await connection.query(
            "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean"
        ).first
        guard isReadOnly == "t" else { return }
        throw SinkError(.destination, "\(destination): nothing can be written there: \(Database.readOnlyHint)")
    }

    /// The ledger's version, once the role may use it and nothing of it is gone.
    private func checkedLedgerVersion(_ connection: Connection) async throws -> Int {
        let found = try await connection.query(
            """
            SELECT c.relname, has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE')
                AND has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = ANY ($2::text[])
            """,
            [options.ledger, "{" + LedgerMigrations.tables.joined(separator: ",") + "}"]
        )
        let names = Set(found.values.compactMap(\.[0]))
        guard names.contains("migrations") else { return 0 }
        guard found.values.allSatisfy({ $0[1] == "t" }) else {
            let grants = LedgerMigrations.grants(in: options.ledger, to: try await role(connection))
            throw SinkError(
                .destination,
                "\(destination): the role lacks privileges on the ledger: \(grants.joined(separator: "; "))"
            )
        }
        let version = try await database.ledgerVersion(connection)
        let gone = LedgerMigrations.tables.filter { !names.contains($0) }
        guard version == 0 || gone.isEmpty else {
            throw SinkError(
                .destination,
                "\(destination): the ledger in schema \(options.ledger) has lost \(gone.joined(separator: ", ")); restore it"
                    + " from a backup, or drop the schema, and everything that is wanted is loaded again"
            )
        }
        return version
    }

    private func ledgerNote(_ version: Int) -> SinkNote {
        SinkNote(
            .change,
            version == 0
                ? "make the ledger in schema \(options.ledger)"
                : "bring the ledger in schema \(options.ledger) from version \(version) to \(database.migrations.version)"
        )
    }

    /// Whether the role may make the table, or change the one that is there.
    private func mayChange(_ shape: TableShape?, _ connection: Connection) async throws -> Bool {
        guard let shape else { return try await database.mayCreate(inSchema: database.table.schema, connection) }
        return try await connection.query(
            "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $1::oid",
            [shape.oid]
        ).first == "t"
    }

    private func role(_ connection: Connection) async throws -> String {
        try await connection.query("SELECT current_user").first ?? "the role"
    }

    private func lacking(_ privileges: [String], _ connection: Connection) async throws -> SinkError {
        let role = try await role(connection)
        let grants = privileges.map { "GRANT \($0) TO \(SQLText.name(role))" }
        return SinkError(
            .destination,
            "\(destination): the role \(role) lacks a privilege: \(grants.joined(separator: "; "))"
        )
    }

    /// Rows of windows that no ledger knows: it was restored from a backup older than the table, or removed.
    private func unknownWindows(
        _ target: TargetTable,
        _ shape: TableShape,
        _ connection: Connection
    ) async throws -> [SinkNote] {
        // Without the index the whole table would be read once per window.
        guard shape.marksWindows, try await database.ledgerVersion(connection) > 0,
            try await target.hasIndex(shape, connection)
        else { return [] }
        let (table, window) = (database.table.quoted, SQLText.name(OwnColumn.window))
        let count =
            try await connection.query(
                """
                WITH RECURSIVE own AS (
                    SELECT min(\(window)) AS id FROM \(table)
                    UNION ALL SELECT (SELECT min(\(window)) FROM \(table) WHERE \(window) > own.id) FROM own
                    WHERE own.id IS NOT NULL
                )
                SELECT count(*) FROM own WHERE id IS NOT NULL AND NOT EXISTS (
                    SELECT FROM \(database.ledger("windows")) AS w
                    WHERE w.table_schema = $1 AND w.table_name = $2 AND w.id = own.id
                )
                """,
                [database.table.schema, database.table.name]
            ).first.flatMap { Int($0) } ?? 0
        guard count > 0 else { return [] }
        return [
            SinkNote(
                .warning,
                "the table holds rows of \(count) windows that the ledger does not know; those that are wanted are loaded"
                    + " again in their place, others stay"
            )
        ]
    }
}

extension Database {
    /// Warns of a database whose encoding has no form for every text.
    fileprivate func encodingNotes(_ connection: Connection) async throws -> [SinkNote] {
        let encoding = try await connection.query("SELECT getdatabaseencoding()").first ?? ""
        guard !["UTF8", "SQL_ASCII"].contains(encoding) else { return [] }
        return [
            SinkNote(
                .warning,
                "the database's encoding is \(encoding): a text with a character that has no form there fails its window;"
                    + " a database of UTF8 takes every text"
            )
        ]
    }

    /// Whether the role may make tables in a schema, or the schema itself.
    func mayCreate(inSchema schema: String, _ connection: Connection) async throws -> Bool {
        try await connection.query(
            """
            SELECT coalesce(
                (SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $1),
                has_database_privilege(current_database(), 'CREATE')
            )
            """,
            [schema]
        ).first == "t"
    }
}
#endif
