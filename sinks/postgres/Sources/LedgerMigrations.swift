#if Postgres
import PipelineCore

/// The ledger's tables, as numbered steps that only ever add.
///
/// Each table names the table it speaks of (`table_schema`, `table_name`) and the export (`job`, `export`), so that one
/// ledger serves every table of a database and can be read without a join.
struct LedgerMigrations: Sendable {
    /// The steps, in order, the first being version 1; `%ledger%` stands for the schema's name.
    var steps: [String]

    /// Those of this version of sluice.
    static let current = LedgerMigrations(steps: [first, second])

    /// The version that a ledger has after all steps.
    var version: Int { steps.count }

    /// The statements that bring a ledger of `version` to this one's, in order.
    func statements(from version: Int, in ledger: String) -> [String] {
        steps.enumerated().dropFirst(version).flatMap { index, step in
            [
                step.replacing("%ledger%", with: SQLText.name(ledger)),
                "INSERT INTO \(SQLText.name(ledger)).migrations (version) VALUES (\(index + 1))",
            ]
        }
    }

    /// What lets a role that did not make the ledger use it.
    ///
    /// `CREATE` is for the tables beside which `replace` loads.
    static func grants(in ledger: String, to role: String) -> [String] {
        let (name, role) = (SQLText.name(ledger), SQLText.name(role))
        return [
            "GRANT USAGE, CREATE ON SCHEMA \(name) TO \(role)",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \(name) TO \(role)",
        ]
    }

    /// The names of its tables.
    static let tables = [
        "migrations", "tables", "windows", "staged", "plans", "reloads", "attempts", "leases", "runs", "rejected",
        "staged_rejected",
    ]

    private static let first = """
        CREATE TABLE %ledger%.migrations (
            version integer PRIMARY KEY,
            applied_at timestamptz NOT NULL DEFAULT now(),
            applied_by text NOT NULL DEFAULT current_user
        );
        COMMENT ON TABLE %ledger%.migrations IS 'which steps of its making this ledger has seen';

        CREATE TABLE %ledger%.tables (
            table_schema text NOT NULL,
            table_name text NOT NULL,
            origin text NOT NULL CHECK (origin IN ('created', 'adopted')),
            replaces_existing boolean NOT NULL DEFAULT false,
            since timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (table_schema, table_name)
        );
        COMMENT ON TABLE %ledger%.tables IS 'tables that sluice made or was allowed to adopt';

        CREATE TABLE %ledger%.windows (
            table_schema text NOT NULL,
            table_name text NOT NULL,
            id bigint NOT NULL,
            job text NOT NULL,
            export text NOT NULL,
            cell text NOT NULL,
            account text,
            covers daterange,
            rows bigint NOT NULL,
            settled boolean NOT NULL,
            sampled boolean NOT NULL,
            fetched_at timestamptz NOT NULL,
            cache_time timestamptz,
            fingerprint text NOT NULL,
            request_ids text[] NOT NULL,
            run_id text NOT NULL,
            load_id uuid NOT NULL,
            loaded_at timestamptz NOT NULL,
            shares_rows boolean NOT NULL DEFAULT false,
            checkpoint jsonb NOT NULL,
            PRIMARY KEY (table_schema, table_name, id)
        );
        CREATE INDEX windows_of_export ON %ledger%.windows (table_schema, table_name, job, export);
        COMMENT ON TABLE %ledger%.windows IS 'windows whose rows are in their table: _sluice_window there is id here';
        COMMENT ON COLUMN %ledger%.windows.load_id IS 'the attempt that loaded it';
        COMMENT ON COLUMN %ledger%.windows.shares_rows IS 'in merge: another window has taken over some of its rows';

        CREATE TABLE %ledger%.staged (
            table_schema text NOT NULL,
            table_name text NOT NULL,
            job text NOT NULL,
            export text NOT NULL,
            id bigint NOT NULL,
            load_id uuid NOT NULL,
            checkpoint jsonb NOT NULL,
            PRIMARY KEY (table_schema, table_name, job, export, id)
        );
        COMMENT ON TABLE %ledger%.staged IS 'windows that wait beside their table until all of their run are there';

        CREATE TABLE %ledger%.plans (
            table_schema text NOT NULL,
            table_name text NOT NULL,
            job text NOT NULL,
            export text NOT NULL,
            run_id text NOT NULL,
            plan jsonb NOT NULL,
            PRIMARY KEY (table_schema, table_name, job, export)
        );
        COMMENT ON TABLE %ledger%.plans IS 'what an unfinished run that shows its windows together set out to do';

        CREATE TABLE %ledger%.reloads (
            table_schema text NOT NULL,
            table_name text NOT NULL,
            job text NOT NULL,
            export text NOT NULL,
            id bigint NOT NULL,
            run_id text NOT NULL,
            asked_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (table_schema, table_name, job, export, id)
        );
        COMMENT ON TABLE %ledger%.reloads IS 'windows to load again, until they are';

        CREATE TABLE %ledger%.attempts (
            table_schema text NOT NULL,
            table_name text NOT NULL,
            job text NOT NULL,
            export text NOT NULL,
            window_id bigint NOT NULL,
            schedule_id text NOT NULL,
            run_id text NOT NULL,
            started_at timestamptz NOT NULL,
            failure text,
            attempt jsonb NOT NULL,
            PRIMARY KEY (table_schema, table_name, job, export, window_id, schedule_id)
        );
        COMMENT ON TABLE %ledger%.attempts IS 'queries sent, and failures, of windows that have not committed since';

        CREATE TABLE %ledger%.leases (
            holder uuid PRIMARY KEY,
            table_schema text NOT NULL,
            table_name text NOT NULL,
            job text NOT NULL,
            export text NOT NULL,
            run_id text NOT NULL,
            shard_number integer,
            shard_count integer,
            process text NOT NULL,
            acquired_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL
        );
        CREATE INDEX leases_of_export ON %ledger%.leases (table_schema, table_name, job, export);
        COMMENT ON TABLE %ledger%.leases IS 'runs under way; one that is gone loses its lease when it expires';

        CREATE TABLE %ledger%.runs (
            table_schema text NOT NULL,
            table_name text NOT NULL,
            job text NOT NULL,
            export text NOT NULL,
            run_id text NOT NULL,
            shard text NOT NULL DEFAULT '',
            began_at timestamptz NOT NULL,
            ended_at timestamptz,
            complete boolean,
            windows bigint NOT NULL DEFAULT 0,
            rows bigint NOT NULL DEFAULT 0,
            PRIMARY KEY (table_schema, table_name, job, export, run_id, shard)
        );
        COMMENT ON TABLE %ledger%.runs IS 'every run, and what it loaded; without ended_at it is under way or was killed';

        CREATE TABLE %ledger%.rejected (
            table_schema text NOT NULL,
            table_name text NOT NULL,
            job text NOT NULL,
            export text NOT NULL,
            run_id text NOT NULL,
            window_id bigint NOT NULL,
            page bigint,
            row_number bigint NOT NULL,
            column_name text,
            stage text,
            rule text NOT NULL,
            request_id text,
            cells json NOT NULL,
            rejected_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX rejected_of_window ON %ledger%.rejected (table_schema, table_name, window_id);
        COMMENT ON TABLE %ledger%.rejected IS 'rows in quarantine, committed with their window: raw cells and the reason';

        CREATE TABLE %ledger%.staged_rejected (LIKE %ledger%.rejected INCLUDING DEFAULTS INCLUDING INDEXES);
        COMMENT ON TABLE %ledger%.staged_rejected IS 'the same, of windows that wait until all of their run are there'
        """

    private static let second = """
        ALTER TABLE %ledger%.runs ADD COLUMN current_job text, ADD COLUMN current_export text;
        COMMENT ON COLUMN %ledger%.runs.current_export IS 'the name at that time, where rows are kept under another'
        """
}
#endif
