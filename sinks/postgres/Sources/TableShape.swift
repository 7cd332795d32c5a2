#if Postgres
import ByteCodecs
import PipelineCore

/// A table as the server's catalog shows it.
struct TableShape: Hashable, Sendable {
    /// One column of a table.
    struct Column: Hashable, Sendable {
        var name: String
        var type: ServerType
        /// Whether a row must have a value, although none is given.
        var isRequired: Bool
        /// Whether it may be null.
        var takesNull: Bool
        /// Whether the server makes the value and takes none.
        var isGenerated: Bool
        /// Whether the column is of a domain, and `type` what that is made of.
        var isDomain: Bool

        init(
            name: String,
            type: ServerType,
            isRequired: Bool = false,
            takesNull: Bool = true,
            isGenerated: Bool = false,
            isDomain: Bool = false
        ) {
            self.name = name
            self.type = type
            self.isRequired = isRequired
            self.takesNull = takesNull
            self.isGenerated = isGenerated
            self.isDomain = isDomain
        }
    }

    /// Its number, by which the catalog knows it.
    var oid: String
    /// `pg_class.relkind`.
    var kind: String
    /// In the order in which the table has them.
    var columns: [Column]

    func column(_ name: String) -> Column? { columns.first { $0.name == name } }

    /// Whether the table marks rows with their window, as every table does that sluice made or adopted.
    var marksWindows: Bool { column(OwnColumn.window)?.type.description == "bigint" }
}

extension TableShape.Column {
    /// What it takes less than a column of sluice's own; nil where it takes as much.
    fileprivate var limit: CopyLimit? {
        let form: CopyLimit.Form? =
            switch type.description {
            case "smallint": .range(Int64(Int16.min)...Int64(Int16.max))
            case "integer": .range(Int64(Int32.min)...Int64(Int32.max))
            case "jsonb": .jsonb
            default: type.characters.map { .characters($0) }
            }
        guard form != nil || !takesNull else { return nil }
        return CopyLimit(form, takesNull: takesNull, type: type.description)
    }
}

/// The columns that sluice adds to a table.
enum OwnColumn {
    /// The id of the window a row belongs to.
    static let window = "_sluice_window"
    /// 16 bytes of a hash over the key cells, in `merge`.
    static let key = "_sluice_key"
}

/// What a table is to look like, and the way there from what it looks like now.
struct TableDesign: Hashable, Sendable {
    var table: TableName
    var schema: Schema
    /// Whether rows carry the hash of their key.
    var hasKey: Bool
    /// Roles that may read a new table.
    var readers: [String]

    /// The way from the table as it is to the table as it should be.
    struct Change: Hashable, Sendable {
        /// Statements that rewrite nothing, in order.
        var statements: [String] = []
        /// The same for a person.
        var description: [String] = []
        /// Columns whose type is altered; views that use them stand in the way.
        var altered: [String] = []
        /// Columns whose type cannot be altered without rewriting the table, so that nothing can be loaded.
        var rewritten: [Rewrite] = []
        /// Whether every column has the very type sluice would have given it, so that binary forms fit.
        var isExact = true
        /// Columns that take less than sluice's own would, by name.
        var limits: [String: CopyLimit] = [:]
    }

    /// A column whose values would have to be written anew.
    struct Rewrite: Hashable, Sendable {
        var column: Column
        /// The type it has.
        var held: ServerType
    }

    /// Every column a new table has, with its type.
    private var columns: [(name: String, type: String)] {
        schema.columns.map { ($0.name, ServerType(landing: $0.type).description) } + ownColumns
    }

    private var ownColumns: [(name: String, type: String)] {
        [(OwnColumn.window, "bigint")] + (hasKey ? [(OwnColumn.key, "uuid")] : [])
    }

    /// Checks the names, which the server would cut silently or has columns of its own for.
    ///
    /// - Throws: `SinkError` with the code `.schema`.
    func checkNames() throws(SinkError) {
        for column in schema.columns {
            let count = column.name.utf8.count
            guard count <= SQLText.maximumNameBytes, !column.name.utf8.contains(0) else {
                throw SinkError(
                    .schema,
                    "column '\(column.name)': PostgreSQL keeps \(SQLText.maximumNameBytes) bytes of a name and this has"
                        + " \(count); rename it in stages"
                )
            }
        }
        let system = PostgresSink.Options.reservedColumns
        if let taken = schema.columns.first(where: { system.contains($0.name) }) {
            throw SinkError(
                .schema,
                "column '\(taken.name)': every table of PostgreSQL has a system column of that name; rename it in stages"
            )
        }
        let names = ownColumns.map(\.name)
        if let taken = schema.columns.first(where: { names.contains($0.name) }) {
            throw SinkError(.schema, "column '\(taken.name)': this name is sluice's own; rename it in stages")
        }
        // 1600 at most (PostgreSQL, "Limits"); fewer where values are wide, which only the server can tell.
        guard columns.count <= 1600 else {
            throw SinkError(
                .schema,
                "\(columns.count) columns are more than the 1600 a table of PostgreSQL can have"
            )
        }
    }

    /// What a schema that sluice made is marked with: the readers of every table there need it.
    static let schemaMark = "made by sluice"

    /// Makes the schema; part of making the table.
    var schemaCreation: Change {
        let schema = SQLText.name(table.schema)
        return Change(
            statements: [
                "CREATE SCHEMA \(schema)", "COMMENT ON SCHEMA \(schema) IS \(SQLText.literal(Self.schemaMark))",
            ] + schemaGrants,
            description: ["create the schema \(table.schema)"]
        )
    }

    /// Lets the readers find the table in a schema of sluice's own.
    var schemaGrants: [String] {
        readers.isEmpty ? [] : ["GRANT USAGE ON SCHEMA \(SQLText.name(table.schema)) TO \(readerList)"]
    }

    private var readerList: String { readers.map(SQLText.name).joined(separator: ", ") }

    /// Makes the table.
    var creation: Change {
        let list = columns.map { "    \(SQLText.name($0.name)) \($0.type)" }.joined(separator: ",\n")
        var change = Change(
            statements: ["CREATE TABLE \(table.quoted) (\n\(list)\n)"],
            description: [
                "create the table \(table) ("
                    + schema.columns.map { "\($0.name) \(ServerType(landing: $0.type))" }.joined(separator: ", ")
                    + ")"
            ]
        )
        if hasKey { change.statements.append(keyIndex) }
        if !readers.isEmpty {
            change.statements.append("GRANT SELECT ON \(table.quoted) TO \(readerList)")
        }
        return change
    }

    /// The index that finds a row by its key.
    ///
    /// The server chooses the names of indexes: one that is made up here may be taken, by the index of a table that was
    /// renamed since.
    var keyIndex: String {
        "CREATE UNIQUE INDEX ON \(table.quoted) (\(SQLText.name(OwnColumn.key)))"
    }

    /// The index that finds the rows of a window; built after the first load, which is quicker than with it.
    var windowIndex: String { "CREATE INDEX ON \(table.quoted) (\(SQLText.name(OwnColumn.window)))" }

    /// What makes `shape` take these columns, without rewriting a row.
    ///
    /// - Throws: `SinkError` with the code `.schema`, with the statement a person would have to run.
    func change(of shape: TableShape) throws(SinkError) -> Change {
        var change = Change()
        func alter(_ clause: String, _ text: String) {
            change.statements.append("ALTER TABLE \(table.quoted) \(clause)")
            change.description.append("\(text) \(table)")
        }
        for column in schema.columns {
            let (name, own) = (SQLText.name(column.name), ServerType(landing: column.type))
            guard let held = shape.column(column.name) else {
                alter("ADD COLUMN \(name) \(own)", "add the column \(column.name) \(own) to")
                continue
            }
            guard !held.isGenerated else {
                throw SinkError(
                    .schema,
                    "\(table): the server computes the column '\(column.name)' itself; rename or drop it in stages"
                )
            }
            change.limits[column.name] = held.limit
            switch held.type.fit(column.type) {
            case .fits(let isExact): change.isExact = change.isExact && isExact
            // A type written there would take the domain away.
            case .widens where held.isDomain: change.rewritten.append(Rewrite(column: column, held: held.type))
            case .widens(let wider):
                change.isExact = change.isExact && wider == own
                change.altered.append(column.name)
                alter(
                    "ALTER COLUMN \(name) TYPE \(wider)",
                    "widen the column \(column.name) from \(held.type) to \(wider) of"
                )
            case .needsRewrite: change.rewritten.append(Rewrite(column: column, held: held.type))
            }
        }
        try checkRequired(shape)
        for (name, type) in ownColumns {
            guard let held = shape.column(name) else {
                alter("ADD COLUMN \(SQLText.name(name)) \(type)", "add the column \(name) \(type) to")
                continue
            }
            guard held.type.description == type else {
                throw SinkError(
                    .schema,
                    "\(table): the column '\(name)' is sluice's own and must be \(type), not \(held.type); rename it"
                )
            }
        }
        return change
    }

    /// Says what a person would have to run, and which views they would have to drop and make anew.
    func refusal(_ rewrite: Rewrite, views: [String]) -> SinkError {
        let (name, wanted) = (SQLText.name(rewrite.column.name), ServerType(landing: rewrite.column.type))
        let obstacle = views.isEmpty ? "" : " (after dropping the views \(views.joined(separator: ", ")))"
        return SinkError(
            .schema,
            "\(table): the column '\(rewrite.column.name)' is \(rewrite.held) and its values are \(rewrite.column.type);"
                + " changing it rewrites the whole table, which sluice leaves to you: ALTER TABLE \(table.quoted)"
                + " ALTER COLUMN \(name) TYPE \(wanted) USING \(name)::\(wanted)\(obstacle); or cast the column to its"
                + " old type in stages"
        )
    }

    /// A column that must have a value and gets none would make every row fail.
    private func checkRequired(_ shape: TableShape) throws(SinkError) {
        guard !schema.columns.isEmpty else { return }
        let names = Set(schema.names + ownColumns.map(\.name))
        guard let column = shape.columns.first(where: { $0.isRequired && !names.contains($0.name) }) else { return }
        throw SinkError(
            .schema,
            "\(table): the column '\(column.name)' must have a value, and the rows have none: ALTER TABLE \(table.quoted)"
                + " ALTER COLUMN \(SQLText.name(column.name)) DROP NOT NULL; or give it a default"
        )
    }
}
#endif
