import Foundation
import Jobs
import Testing

@Suite struct JobSpellingTests {
    /// Every key of the format with one file in which it occurs.
    private static let everyKey = """
        name: job
        renamed_from: old
        time_zone: UTC
        api:
          base_url: https://a.example
          dts_base_url: https://b.example
          path_prefix: /v2
          requests_per_second: 1
          concurrent_queries: 1
          page_rows: 1
          row_limit: 1
          connect_timeout: 1s
          idle_timeout: 1s
          request_timeout: 1s
          query_timeout: 1s
          poll_interval: 1s
          max_attempts: 1
          custom_headers: {}
          user_agent: x
          allow_insecure_http: true
        exports:
          - name: one
            renamed_from: two
            query:
              ds_id: AW
              ds_accounts: "1"
              ds_segments: "1"
              ds_user: a
              ds_users: a
              fields: Date
              start_date: 2024-01-01
              end_date: today
              compare_type: none
              compare_show: value
              compare_start_date: today
              compare_end_date: today
              filter: x
              order_columns: x
              max_columns: 1
              cache_minutes: 1
              settings: {}
            window:
              size: week
              per_account: true
              lookback: 1 day
            stages:
              - select: [date]
              - drop: [date]
              - rename: {a: b}
              - cast: {a: text}
              - default: {a: b}
              - map: {a: {b: c}}
              - hash:
                  columns: [a]
                  key: k
              - derive: {a: b}
              - filter: a
              - dedupe:
                  key: [a]
                  keep: {max: a}
              - unpivot:
                  columns: [a]
                  name: b
                  value: c
            on_bad_row:
              action: fail
              max: 1
            on_sampled: fail
            on_empty: fail
            on_shrink: allow
            on_schema_change: fail
            contract:
              cost:
                type: text
                nullable: true
                values: [a]
            expect:
              rows: "> 1"
            columns: keep
            into:
              - csv:
                  path: x
                  delimiter: ";"
                  quote: all
                  header: true
                  compression: gzip
                  level: 1
                  escape_formulas: true
              - ndjson:
                  path: y
        """
    private static let freeKeys: Set = ["cost"]
    /// As near to `key` as to `keep`.
    private static let ambiguous: Set = ["kep"]

    @Test func `The file with every key has no mistake`() {
        #expect(JobFixtures.mistakes(Self.everyKey) == [])
    }

    /// Each key with one letter dropped, doubled, changed or swapped with the next.
    @Test func `A key misspelt by one letter is understood`() throws {
        let lines = Self.everyKey.split(separator: "\n").map(String.init)
        var tried = 0
        for (index, line) in lines.enumerated() {
            let start = line.prefix { $0 == " " || $0 == "-" }.count
            guard let colon = line.dropFirst(start).firstIndex(of: ":") else { continue }
            let key = String(line[line.index(line.startIndex, offsetBy: start)..<colon])
            guard !Self.freeKeys.contains(key) else { continue }
            for wrong in Self.misspellings(key) where !Self.ambiguous.contains(wrong) {
                var changed = lines
                changed[index] = String(line.prefix(start)) + wrong + line[colon...]
                let mistakes = JobFixtures.mistakes(changed.joined(separator: "\n"))
                let place = "job.yaml:\(index + 1):\(start + 1): "
                let found = mistakes.filter { $0.hasPrefix(place) && $0.contains("'\(wrong)'") }
                #expect(
                    found.contains { $0.contains("did you mean") && $0.contains("'\(key)'") },
                    "\(wrong): \(mistakes)"
                )
                tried += 1
            }
        }
        #expect(tried > 300)
    }

    private static func misspellings(_ key: String) -> [String] {
        let letters = Array(key)
        let middle = letters.count / 2
        var dropped = letters
        dropped.remove(at: middle)
        var doubled = letters
        doubled.insert(letters[middle], at: middle)
        var changed = letters
        changed[middle] = "x"
        var swapped = letters
        swapped.swapAt(middle - 1, middle)
        return [dropped, doubled, changed, swapped].map { String($0) }.filter { $0 != key }
    }

    @Test func `Time zones are suggested by name and by city`() {
        func hint(_ zone: String) -> String? {
            JobFixtures.mistakes(
                "time_zone: \(zone)\n"
                    + JobFixtures.export("query: {ds_id: AW, fields: [Date], start_date: today, end_date: today}")
            ).first
        }
        #expect(hint("helsinki")?.hasSuffix("did you mean 'Europe/Helsinki'?") == true)
        #expect(hint("Europe/Helsnki")?.hasSuffix("did you mean 'Europe/Helsinki'?") == true)
        #expect(hint("Mars/Olympus")?.contains("did you mean") == false)
    }
}
