import Jobs
import PipelineCore
import Testing

@Suite struct SinkOptionsTests {
    private func job(_ into: String) throws(JobFileError) -> Job {
        let text = """
            name: job
            exports:
              - name: one
                query: {ds_id: AW, fields: [Date], start_date: today, end_date: today}
                into: \(into)
            """
        return try JobFile.parse(
            text,
            source: "job.yaml",
            JobFixtures.context(sinks: [CSVStub.self, WideStub.self])
        ) { _ throws(SecretFileError) in throw SecretFileError("no files here") }
    }

    private func mistakes(_ into: String) -> [String] {
        do throws(JobFileError) {
            _ = try job(into)
            return []
        } catch {
            return error.mistakes.map(\.message)
        }
    }

    @Test func `Options of every kind are decoded, and sinks open in the order of the job`() async throws {
        let job = try job(
            """
            [{wide: {table: 12, key: [a, 7], grants: {select: [r]}, retries: "${NUMBER}", ratio: 0.5, port: 5432}}, \
            {csv: {path: "out.csv", header: false, quote: nonnumeric}}]
            """
        )
        let export = try #require(job.exports.first)
        let kinds = try await withSinks(export.into, installed: [CSVStub.self, WideStub.self]) { sinks in
            let wide = try #require(sinks.first as? WideStub).options
            #expect(wide.table == "12")
            #expect(wide.key == ["a", "7"])
            #expect(wide.grants?.select == ["r"])
            #expect(wide.retries == 7)
            #expect(wide.ratio == 0.5)
            #expect(wide.port?.number == 5432)
            let csv = try #require(sinks.last as? CSVStub).options
            #expect(csv.header == false)
            #expect(csv.quote == .nonnumeric)
            #expect(csv.level == nil)
            return sinks.map(\.destination)
        }
        #expect(kinds == ["wide", "csv"])
    }

    @Test func `A sink that is not there is named`() async throws {
        let export = try #require(try job("[{csv: {path: x}}]").exports.first)
        await #expect(throws: JobFileError.self) {
            try await withSinks(export.into, installed: [WideStub.self]) { _ in }
        }
    }

    @Test(arguments: [
        ("[{wide: {table: t, key: a}}]", ["'key' must be a list, not 'a'"]),
        ("[{wide: {table: t, key: [[a]]}}]", ["each of 'key' must be a text, not a list"]),
        ("[{wide: {table: t, key: [a], grants: r}}]", ["'grants' must be a map, not 'r'"]),
        ("[{wide: {table: t, key: [a], grants: {}}}]", ["wide has no 'select'"]),
        ("[{wide: {table: t, key: [a], port: 99999}}]", ["wide: 'port': a port is below 65536"]),
        (
            "[{wide: {table: t, key: [a], retries: 300, ratio: nan}}]",
            ["'retries' must be a whole number, not '300'", "'ratio' must be a number, not 'nan'"]
        ),
        ("[{wide: {table: null, key: [a]}}]", ["'table' must be a text, not nothing"]),
        ("[{wide: {}}]", ["wide has no 'table'"]),
        (
            "[{wide: {tabel: t, kye: [a]}}]",
            ["unknown key 'tabel' in wide; did you mean 'table'?", "unknown key 'kye' in wide; did you mean 'key'?"]
        ),
    ])
    func `Options that do not fit are described`(into: String, expected: [String]) {
        #expect(mistakes(into) == expected)
    }
}
