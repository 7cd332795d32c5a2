import Foundation
import PipelineCore
import PipelineTesting
import TestSupport
import Testing

@testable import CSVSink
@testable import FileLoading

@Suite struct ConformanceTests {
    /// Where the rows go; each form keeps every promise that applies to it.
    enum Form: String, CaseIterable {
        case folder = "lake/"
        case file = "out.csv.gz"
        case plainFile = "out.csv"
    }

    @Test(arguments: Form.allCases, SinkConformance.Law.allCases)
    func conforms(_ form: Form, to law: SinkConformance.Law) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/" + form.rawValue
        try await SinkConformance(
            open: { body in try await CSVSink.withSink(CSVSink.Options(path: path)) { try await body($0) } },
            rows: { try visibleFiles(path).flatMap { CSV.rows($0).dropFirst() } },
            rejected: { try visibleRejects(path) },
            removeRows: { window in
                try FileManager.default.removeItem(atPath: path + window.folderPath + "/part-0.csv.gz")
            },
            breakLease: {
                let hidden = form == .folder ? ".staging" : ".\(form.rawValue).sluice"
                let place = form == .folder ? path : folder.path + "/"
                try FileManager.default.removeItem(atPath: place + hidden)
            }
        ).check(law)
    }

    /// Standard output shows rows as soon as it is their turn and keeps nothing; the laws that still apply.
    @Test(
        arguments: [
            SinkConformance.Law.nothingIsVisibleBeforeTheCommit, .aFailedLoadLeavesNothing, .anEmptyWindowCommits,
            .hostileValuesSurvive, .rowsKeepTheirOrder, .rejectedRowsCommitWithTheirWindow, .concurrentWindowsStayApart,
            .theLedgerReturnsWhatWasCommitted,
            .shardsExcludeByNumberAndCount,
        ],
        [CompressionOption.none, .gzip]
    )
    func standardOutputConforms(to law: SinkConformance.Law, compression: CompressionOption) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/output"
        try await SinkConformance(
            open: { body in
                // Every process has an output of its own.
                let output = unsafe open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
                defer { close(output) }
                try await body(StreamedCSV(output, compression))
            },
            rows: { try visibleFiles(path).flatMap { CSV.rows($0).dropFirst() } }
        ).check(law)
    }
}

/// The sink of `path: "-"` with another descriptor than this process's own output.
struct StreamedCSV: FileSink {
    typealias Options = CSVSink.Options
    static let kind = "csv"
    let files: FileTarget

    init(_ output: Int32, _ compression: CompressionOption?) throws {
        let format = CSVFormat(options: Options(path: "-").dialect)
        files = try FileTarget(location: .stream(output), "-", compression, nil, format)
    }

    static func withSink<R>(_ options: Options, _ body: (StreamedCSV) async throws -> R) async throws -> R {
        try await body(StreamedCSV(STDOUT_FILENO, options.compression))
    }
}
