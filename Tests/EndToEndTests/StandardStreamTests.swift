import Sandbox
import TestSupport
import Testing

/// Standard streams that are closed, full, or left by their reader.
@Suite struct StandardStreamTests {
    @Test(arguments: [">&-", "2>&-", "<&-", ">&- 2>&- <&-", "> /dev/full", "2> /dev/full", "2> /dev/full >&2"])
    func aRunNeedsNobodyWhoReadsWhatItSays(_ streams: String) async throws {
        try await withWorld { world in
            try world.folder.write(JobText().yaml, to: "job.yaml")
            let outcome = try await world.shell(#""$@" \#(streams)"#, ["run", "job.yaml"])
            #expect(outcome.exitCode == 0, "\(outcome.everything)")
            #expect(try world.folder.csvRows("out/").count == 84)
        }
    }

    @Test(arguments: [">&-", "> /dev/full"]) func anAnswerThatIsLostIsNoSuccess(_ stream: String) async throws {
        try await withWorld { world in
            try world.folder.write(JobText().yaml, to: "job.yaml")
            let commands = [
                ["accounts", "list", "--ds-id", "AW"], ["plan", "job.yaml"], ["status", "job.yaml"],
                ["check", "job.yaml", "--offline"], MistakeTests.export(into: "-"),
            ]
            for command in commands {
                let outcome = try await world.shell(#""$@" \#(stream)"#, command)
                #expect(outcome.exitCode == 6, "\(command): \(outcome.errors)")
                #expect(outcome.errors.contains("cannot write standard output: "), "\(command): \(outcome.errors)")
                #expect(!outcome.errors.contains("Fatal"), "\(command)")
            }
        }
    }

    /// A report goes to a pipe, a device or a stream as it would from any other program, which replaces none of them.
    ///
    /// No name in `/dev` but those of the process's own streams: a program that did replace them would break the machine.
    @Test(arguments: ["--summary", "--metrics"]) func aReportIsWrittenToWhatIsNoFile(_ flag: String) async throws {
        try await withWorld { world in
            try world.folder.write(JobText().yaml, to: "job.yaml")
            let wanted = flag == "--summary" ? "exit_code" : "sluice_run_exit_code"
            let scripts = [
                #"mkfifo pipe; cat pipe > read.txt & "$@" pipe; wait; test -p pipe && rm pipe"#,
                #""$@" /dev/fd/7 7> read.txt"#,
                #""$@" /dev/fd/1 > read.txt; grep -q "^export " read.txt"#,
                #"echo old > file.txt; ln -s file.txt link; "$@" link; test -L link && mv file.txt read.txt"#,
                #""$@" /proc/self/fd/2 2> read.txt; grep -q "info planned" read.txt"#,
            ]
            for script in scripts {
                let outcome = try await world.shell("rm -f read.txt; " + script, ["run", "job.yaml", flag])
                #expect(outcome.exitCode == 0, "\(script): \(outcome.everything)")
                #expect(try world.folder.text("read.txt").contains(wanted), "\(script): \(outcome.everything)")
            }
        }
    }

    /// As with every other program: the signal that says so ends it, and nothing is said.
    @Test func aReaderThatHasEnoughEndsTheWriting() async throws {
        try await withWorld(.small.with { $0.rowsPerDay = 5000 }) { world in
            let query = MistakeTests.export().dropFirst().prefix { $0 != "--into" }
            let rest = ["--start-date", "2024-01-01"]
            let outcome = try await world.shell(
                #"{ "$@"; echo "$?" > code; } | head -n 1"#,
                ["queries", "execute", "--output", "csv"] + query + rest
            )
            #expect(outcome.text == "Date,Campaign,Cost\n")
            #expect(try world.folder.text("code") == "141\n", "128 and SIGPIPE")
            #expect(outcome.errors == "", "\(outcome.errors)")
        }
    }
}
