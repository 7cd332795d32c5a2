#if Postgres
public import PipelineCore

extension PostgresSink {
    /// Looks at ledger, table and privileges in one transaction that reads alone.
    @discardableResult public func check(landing schema: Schema?) async throws(SinkError) -> [SinkNote] {
        let target = TargetTable(database, options)
        return try await database.transaction("look at the table and the ledger", mode: .snapshot) { connection in
            var notes = try await checkLedger(connection)
            let shape = try await target.admit(connection)
            if let shape {
                notes += try await target.remarks(shape, connection).map { SinkNote(.warning, $0) }
                let missing = try await target.missingPrivileges(shape, connection)
                guard missing.isEmpty else {
                    throw try await lacking(
                        "\(missing.joined(separator: ", ")) ON \(database.table.quoted)",
                        connection
                    )
                }
                notes += try await unknownWindows(target, shape, connection)
            }
            guard let schema else { return notes }
            try checkKey(schema)
            let design = target.design(of: schema)
            try design.checkNames()
            let change = try await target.neededChange(design, connection)
            if let shape, !change.statements.isEmpty { try await checkOwnership(shape, connection) }
            if shape == nil { try await checkCreation(connection) }
            return notes + change.description.map { SinkNote(.change, $0) }
        }
    }

    private func checkKey(_ schema: Schema) throws(SinkError) {
        guard let column = options.key.first(where: { schema.index(of: $0) == nil }) else { return }
        throw SinkError(
            .configuration,
            "\(destination): the key names the column '\(column)', and none of that name lands"
        )
    }

    private func checkLedger(_ connection: Connection) async throws -> [SinkNote] {
        let version = try await database.ledgerVersion(connection)
        let latest = database.migrations.version
        guard version < latest else {
            for table in [
                "windows", "staged", "plans", "reloads", "attempts", "leases", "runs", "rejected",
                "staged_rejected", "tables",
            ] {
                for privilege in ["SELECT", "INSERT", "UPDATE", "DELETE"] {
                    let name = database.ledger(table)
                    let held = try await connection.query("SELECT has_table_privilege($1, $2)", [name, privilege])
                        .first
                    guard held == "t" else { throw try await lacking("\(privilege) ON \(name)", connection) }
                }
            }
            return []
        }
        guard try await database.mayCreate(inSchema: options.ledger, connection) else {
            throw try await database.needsAdministrator(connection, version: version)
        }
        return [
            SinkNote(
                .change,
                version == 0
                    ? "make the ledger in schema \(options.ledger)"
                    : "bring the ledger in schema \(options.ledger) from version \(version) to \(latest)"
            )
        ]
    }

    private func checkCreation(_ connection: Connection) async throws {
        guard try await !database.mayCreate(inSchema: database.table.schema, connection) else { return }
        throw try await lacking("CREATE ON SCHEMA \(SQLText.name(database.table.schema))", connection)
    }

    private func checkOwnership(_ shape: TableShape, _ connection: Connection) async throws {
        let owns = try await connection.query(
            "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $1::oid",
            [shape.oid]
        ).first
        guard owns != "t" else { return }
        throw SinkError(
            .destination,
            "\(destination): columns must be added, which only the table's owner may do; load as a role that is a member"
                + " of the owner's"
        )
    }

    private func lacking(_ privilege: String, _ connection: Connection) async throws -> SinkError {
        let role = try await connection.query("SELECT current_user").first ?? "the role"
        return SinkError(
            .destination,
            "\(destination): the role \(role) lacks a privilege: GRANT \(privilege) TO \(SQLText.name(role))"
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
