#if Postgres
import PipelineCore

extension Database {
    /// The version of the ledger that is there, 0 where there is none.
    ///
    /// - Throws: `SinkError` where it is newer than this version of sluice, and then nothing of it is touched.
    func ledgerVersion(_ connection: Connection) async throws -> Int {
        // A relation in a schema that may not be used is not found but refused.
        let found = try await connection.query(
            "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                + " WHERE n.nspname = $1 AND c.relname = 'migrations'",
            [ledgerSchema]
        )
        guard found.first != nil else { return 0 }
        let text = try await connection.query("SELECT coalesce(max(version), 0) FROM \(ledger("migrations"))").first
        let version = text.flatMap { Int($0) } ?? 0
        guard version <= migrations.version else {
            throw SinkError(
                .destination,
                "\(destination): the ledger in schema \(ledgerSchema) is of version \(version), and this sluice knows"
                    + " \(migrations.version); nothing was touched: use the newer sluice that made it"
            )
        }
        return version
    }

    /// Makes the ledger, or adds to it what this version of sluice needs.
    ///
    /// - Throws: `SinkError`; where the role may not do that, with the script for someone who may.
    func setUpLedger() async throws(SinkError) {
        try await transaction("set up the ledger") { connection in
            guard try await ledgerVersion(connection) < migrations.version else { return }
            try await connection.query(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                ["sluice ledger \(ledgerSchema)"]
            )
            // Another run may have made it while this one waited.
            let version = try await ledgerVersion(connection)
            guard version < migrations.version else { return }
            do {
                if version == 0 {
                    try await lockMaking(ofSchema: ledgerSchema, connection)
                    if try await !hasSchema(ledgerSchema, connection) {
                        try await connection.execute("CREATE SCHEMA \(SQLText.name(ledgerSchema))")
                    }
                }
                for statement in migrations.statements(from: version, in: ledgerSchema) {
                    try await connection.execute(statement)
                }
            } catch var error as DatabaseError {
                error.isTransient = error.isTransient || error.isMadeAlready
                guard error.sqlState == "42501" else { throw error }
                await connection.rollback()
                let handOut = try await ledgerHandOut(connection, version: version)
                throw needsAdministrator(handOut.statements, because: handOut.reason)
            }
        }
    }

    // MARK: Schemas

    func hasSchema(_ schema: String, _ connection: Connection) async throws -> Bool {
        try await connection.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]).first != nil
    }

    /// Has other runs wait that would make the schema too: even `IF NOT EXISTS` fails for the second of two at once.
    ///
    /// A transaction takes this lock of one schema at most, after that of the ledger and before that of a table.
    func lockMaking(ofSchema schema: String, _ connection: Connection) async throws {
        try await connection.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", ["sluice schema \(schema)"])
    }

    // MARK: Somebody else

    /// Statements that make the ledger, or add to one of `version`, for somebody who may.
    func ledgerHandOut(_ connection: Connection, version: Int) async throws -> (statements: [String], reason: String) {
        let role = try await connection.query("SELECT current_user").first ?? "sluice"
        let reason = "the role \(role) may not \(version == 0 ? "make" : "extend") the ledger in schema \(ledgerSchema)"
        var statements = migrations.statements(from: version, in: ledgerSchema)
        if version == 0 {
            statements.insert("CREATE SCHEMA IF NOT EXISTS \(SQLText.name(ledgerSchema))", at: 0)
        }
        return (statements + LedgerMigrations.grants(in: ledgerSchema, to: role), reason)
    }

    /// Says what somebody else has to run.
    func needsAdministrator(_ statements: [String], because reason: String) -> SinkError {
        let script = (["BEGIN"] + statements + ["COMMIT"]).map { $0 + ";" }.joined(separator: "\n")
        return SinkError(
            .destination,
            "\(destination): \(reason). Let an administrator of the database run this once, then run again:\n\n\(script)\n"
        )
    }
}
#endif
