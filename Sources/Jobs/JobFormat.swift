/// The job file's format: every key, what it may hold and what it means.
enum JobFormat {
    static let job = ObjectShape(
        name: "the job",
        fields: [
            Field("name", .notation(.name), required: true, "the job's name, part of the identity of every window"),
            Field("api", .object(api), "how the API is spoken to; all optional"),
            Field("time_zone", .text, "what 'yesterday' means: a name such as Europe/Helsinki; default UTC"),
            Field(
                "renamed_from",
                .notation(.name),
                "the job's first name, where it has another now: its windows are kept under that; the line stays"
            ),
            Field(
                "exports",
                .list(of: .object(export), nonEmpty: true),
                required: true,
                "the list of exports, each with a name, a query and its destinations"
            ),
        ]
    )

    static let api = ObjectShape(
        name: "api",
        fields: [
            Field("base_url", .text, "where queries are sent; default https://api.supermetrics.com"),
            Field("dts_base_url", .text, "where warehouse requests are sent"),
            Field("path_prefix", .text, "put before the paths of queries: /enterprise/v2 or /v2; default none"),
            Field("requests_per_second", .positive, "most requests per second; default 20"),
            Field("concurrent_queries", .whole(1...1000), "most queries at once; default 4"),
            Field(
                "page_rows",
                .whole(1...1_000_000),
                "rows of the first page, at most 100000 of the next; default 100000"
            ),
            Field("row_limit", .whole(1...1_000_000), "a result this long counts as cut; default 1000000"),
            Field("connect_timeout", .notation(.duration), "default 10s"),
            Field("idle_timeout", .notation(.duration), "longest wait for the next byte; default 60s"),
            Field("request_timeout", .notation(.duration), "longest a request may take; default 30 min"),
            Field("query_timeout", .notation(.duration), "longest a query may take; default 4 h"),
            Field("poll_interval", .notation(.duration), "first wait between status requests; default 1s"),
            Field("max_attempts", .whole(1...100), "tries per request; default 8"),
            Field("custom_headers", .map(of: .text), "sent with every request"),
            Field("user_agent", .text, "the User-Agent header"),
            Field("allow_insecure_http", .bool, "allow http:// to hosts other than this machine; default false"),
        ]
    )

    static let export = ObjectShape(
        name: "the export",
        fields: [
            Field("name", .notation(.name), required: true, "the export's name, unique in the job"),
            Field(
                "renamed_from",
                .notation(.name),
                "the export's first name, where it has another now: its windows are kept under that; the line stays"
            ),
            Field("query", .object(query), required: true, "the API's query object, its own names"),
            Field("window", .object(window), "how the dates are cut into windows"),
            Field("stages", .list(of: .oneKey(stages)), "converter steps over the rows, in order"),
            Field(
                "on_bad_row",
                .either([.word(["fail", "quarantine"]), .object(badRow)]),
                "what happens to a row that cannot be converted; default fail"
            ),
            Field("on_sampled", .word(["fail", "warn"]), "when the platform sampled the data; default warn"),
            Field(
                "on_empty",
                .word(["fail", "warn", "allow"]),
                "when a window has no rows; default fail if it held rows before, else allow"
            ),
            Field(
                "on_shrink",
                .either([.word(["allow"]), .notation(.percentage)]),
                "a reload that would lose more than this of 100 or more rows is refused; default 50%"
            ),
            Field("on_schema_change", .word(["fail", "evolve", "freeze"]), "when columns change; default fail"),
            Field(
                "contract",
                .map(of: .object(contractColumn)),
                "pinned types, nullability, allowed values per column"
            ),
            Field(
                "expect",
                .object(expectation),
                "what the rows of a window must hold: how many, which days and accounts, unique keys"
            ),
            Field("columns", .word(["keep"]), "keep leaves column names as the API writes them"),
            Field(
                "into",
                .list(of: .destination, nonEmpty: true),
                required: true,
                "the list of destinations, such as - csv: {path: \"out/\"}"
            ),
        ]
    )

    static let window = ObjectShape(
        name: "window",
        fields: [
            Field("size", .notation(.windowSize), "day, week, month, N days or all; default week"),
            Field("per_account", .bool, "each account is a window of its own; default false"),
            Field("lookback", .notation(.wholeDays), "days that platforms restate; default 7 days"),
        ]
    )

    static let badRow = ObjectShape(
        name: "on_bad_row",
        fields: [
            Field("action", .word(["fail", "quarantine"]), required: true, "fail or quarantine"),
            Field("max", .notation(.rowLimit), "most rows a window may quarantine: a number or a percentage"),
        ]
    )

    static let contractColumn = ObjectShape(
        name: "contract",
        fields: [
            Field("type", .notation(.columnType), "the column's type"),
            Field("nullable", .bool, "whether null may occur"),
            Field("values", .list(of: .text, nonEmpty: true), "the only values allowed"),
        ]
    )

    static let expectation = ObjectShape(
        name: "expect",
        fields: [
            Field("rows", .notation(.rowRule), "how many rows a window must have, such as '>= 1'"),
            Field("days", .word(["all"]), "all: every day of the window must have rows"),
            Field("accounts", .word(["all"]), "all: every account asked for must have rows"),
            Field("unique", .either([.bool, texts]), "true, or the columns in which no two rows may be alike"),
        ]
    )
}

// MARK: The query (Supermetrics API: get data)

extension JobFormat {
    static let query = ObjectShape(
        name: "query",
        fields: [
            Field("ds_id", .text, required: true, "the data source, such as AW"),
            Field("ds_accounts", .either([.text, texts, .map(of: .text)]), "account ids, a list, or a pattern"),
            Field("ds_segments", .either([.text, texts]), "segment ids"),
            Field("ds_user", .text, "the login to use"),
            Field("ds_users", .either([.text, texts]), "the logins to use"),
            Field(
                "fields",
                .either([.text, .list(of: .either([.text, .map(of: .any), .list(of: .any)]), nonEmpty: true)]),
                required: true,
                "the fields to ask for, such as [Date, Cost]"
            ),
            Field("start_date", .notation(.date), "first day, ISO or relative"),
            Field("end_date", .notation(.date), "last day, ISO or relative"),
            Field("date_range_type", .text, "a named range, instead of start_date and end_date"),
            Field("compare_type", .text, "none, custom, prev_range, prev_year or prev_year_weekday"),
            Field("compare_show", .text, "perc_change, abs_change or value"),
            Field("compare_start_date", .text, "first day to compare with"),
            Field("compare_end_date", .text, "last day to compare with"),
            Field("filter", .text, "such as Impressions > 0"),
            Field("order_rows", .either([.text, texts]), "such as date asc"),
            Field("order_columns", .text, "the order of pivoted columns"),
            Field("max_rows", .whole(1...1_000_000), "most rows of the result"),
            Field("max_columns", .whole(1...1000), "most pivoted columns"),
            Field("cache_minutes", .whole(0...10_080), "oldest cached result to accept"),
            Field("settings", .map(of: .any), "settings of the query and of the data source"),
            Field(
                refused: "api_key",
                "the API key comes from SUPERMETRICS_API_KEY or --api-key-file, never from a query"
            ),
            Field(refused: "schedule_id", "every window has a query and a schedule_id of its own"),
            Field(refused: "sync_timeout", "queries run asynchronously; see query_timeout under api"),
            Field(refused: "offset_start", "results are always paged and complete; see page_rows under api"),
            Field(refused: "offset_end", "results are always paged and complete; see page_rows under api"),
        ]
    )

    private static let texts = Shape.list(of: .text)
}

// MARK: Stages

extension JobFormat {
    static let stages = [
        Field("select", texts, "keep these columns, in this order"),
        Field("drop", texts, "leave these columns out"),
        Field("rename", .map(of: .text), "old name: new name"),
        Field("cast", .map(of: .either([.notation(.columnType), .object(cast)])), "column: type"),
        Field("default", .map(of: .any), "column: value where null or empty"),
        Field("map", .map(of: .map(of: .any)), "column: {from: to}; _other: null, fail or a value"),
        Field("hash", .object(hash), "HMAC-SHA-256 of columns, in lower-case hex"),
        Field("derive", .map(of: .text), "new column: expression"),
        Field("filter", .text, "keep the rows for which the expression is true"),
        Field("dedupe", .object(dedupe), "keep one row of each key, by default the first"),
        Field("unpivot", .object(unpivot), "columns become rows"),
    ]

    private static let cast = ObjectShape(
        name: "cast",
        fields: [
            Field("type", .notation(.columnType), required: true, "the column's type"),
            Field("format", .text, "how dates are written, such as %d.%m.%Y; or percent"),
            Field("round", .word(["half_even"]), "rounds digits beyond a decimal's scale, instead of refusing them"),
        ]
    )
    private static let hash = ObjectShape(
        name: "hash",
        fields: [
            Field("columns", .list(of: .text, nonEmpty: true), required: true, "the columns to hash"),
            Field("key", .text, required: true, "the secret key, such as \"${PEPPER}\""),
        ]
    )
    private static let dedupe = ObjectShape(
        name: "dedupe",
        fields: [
            Field("key", .list(of: .text, nonEmpty: true), required: true, "the columns that identify a row"),
            Field("keep", .object(keep), "which row stays; default the first"),
        ]
    )
    private static let keep = ObjectShape(
        name: "keep",
        fields: [Field("max", .text, required: true, "the column whose largest value stays, such as updated_at")]
    )
    private static let unpivot = ObjectShape(
        name: "unpivot",
        fields: [
            Field("columns", .list(of: .text, nonEmpty: true), "the columns that become rows"),
            Field("except", .list(of: .text, nonEmpty: true), "or the columns that do not"),
            Field("name", .text, required: true, "the new column of their names"),
            Field("value", .text, required: true, "the new column of their values"),
        ]
    )
}
