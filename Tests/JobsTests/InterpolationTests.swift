import Jobs
import SupermetricsAPI
import Testing

@Suite struct InterpolationTests {
    /// What a text of the job file becomes.
    private func value(_ yaml: String) throws -> JSONValue? {
        let job = try JobFixtures.parse(
            JobFixtures.export(
                """
                query: {ds_id: AW, fields: [Date], start_date: 2024-01-01, end_date: today, settings: {x: \(yaml)}}
                """
            )
        )
        return job.exports.first?.query.object["settings"]?["x"]
    }

    @Test(arguments: [
        (#""${ACCOUNT}""#, "42"), (#""a${ACCOUNT}b${NUMBER}c""#, "a42b7c"), (#""${NONE:-fallback}""#, "fallback"),
        (#""${EMPTY:-fallback}""#, "fallback"), (#""${NONE:-}""#, ""), (#""${EMPTY}""#, ""),
        (#""${ACCOUNT:-x}""#, "42"), (#""$$""#, "$"), (#""$${ACCOUNT}""#, "${ACCOUNT}"), (#""$$$$x""#, "$$x"),
        (#""$$${ACCOUNT}""#, "$42"), (#""^a$""#, "^a$"), (#""$ACCOUNT""#, "$ACCOUNT"), (#""5$ or 6$""#, "5$ or 6$"),
        (#""${file:secret.txt}""#, "hunter2"), (#""${file:crlf.txt}""#, "hunter2"),
        (#""${file:two.txt}""#, "hunter2\n"), (#""${NONE:-a:-b}""#, "a:-b"), (#""${NONE:-$$}""#, "$$"),
        ("'${ACCOUNT}'", "42"),
    ])
    func `References are replaced`(yaml: String, text: String) throws {
        #expect(try value(yaml) == .string(text))
    }

    @Test func `A value cannot inject YAML, nor another reference`() throws {
        let hostile = try #require(JobFixtures.environment["INJECTION"])
        #expect(try value(#""${INJECTION}""#) == .string(hostile))
        for value in [
            "true", "null", "~", "12", "[a]", "{a: b}", "- x", "&a", "*a", "!!int 3", "# x", "${PEPPER}", "$$",
        ] {
            let job = try JobFixtures.parse(
                JobFixtures.export(
                    """
                    query:
                      ds_id: AW
                      fields: [Date]
                      start_date: 2024-01-01
                      end_date: today
                      settings:
                        x: ${VALUE}
                        y: [a, "${VALUE}"]
                    """
                ),
                environment: ["VALUE": value]
            )
            let settings = try #require(job.exports.first?.query.object["settings"])
            #expect(settings == ["x": .string(value), "y": ["a", .string(value)]])
        }
    }

    @Test func `Keys are not replaced`() throws {
        #expect(
            JobFixtures.mistakes("name: job\n\"${ACCOUNT}\": 1\nexports: []\n") == [
                "job.yaml:2:1: unknown key '${ACCOUNT}' in the job; the keys are name, api, time_zone, renamed_from, exports",
                "job.yaml:3:10: 'exports' is an empty list",
            ]
        )
    }

    @Test func `Nothing that came from outside is shown, wherever it stands`() {
        let template = """
            name: NAME
            api: {base_url: URL, dts_base_url: URL, path_prefix: V, requests_per_second: V, concurrent_queries: V,
              page_rows: V, row_limit: V, connect_timeout: V, max_attempts: V, custom_headers: {A: V}, user_agent: V,
              allow_insecure_http: V}
            time_zone: V
            exports:
              - name: NAME
                query: {ds_id: V, ds_accounts: [V], fields: [V, V], start_date: V, end_date: V, max_rows: V,
                  cache_minutes: V, date_range_type: V, settings: V}
                window: {size: V, per_account: V, lookback: V}
                stages: [{cast: {a: V}}, {cast: V}, {select: V}]
                on_bad_row: V
                on_sampled: V
                on_empty: V
                on_shrink: V
                on_schema_change: V
                contract: {a: {type: V, nullable: V}}
                expect: {rows: V}
                columns: V
                into: [{csv: {path: V, header: V, quote: V, level: V}}, {csv: V}, V]
              - name: NAME
                query: V
                into: [{csv: {path: V}}]
            """
        let text = template.replacing("V,", with: "\"${SECRET}\",").replacing("V}", with: "\"${SECRET}\"}")
            .replacing("V]", with: "\"${SECRET}\"]").replacing("V\n", with: "\"${SECRET}\"\n")
            .replacing("URL", with: "\"${SECRET}\"").replacing("NAME", with: "\"${SECRET}\"")
        for secret in ["hunter2", "http://hunter2.example", "hunter2/\u{7}"] {
            let mistakes = JobFixtures.mistakes(text, environment: ["SECRET": secret])
            #expect(mistakes.count > 25)
            for mistake in mistakes { #expect(!mistake.contains("hunter2"), "\(mistake)") }
        }
    }
}
