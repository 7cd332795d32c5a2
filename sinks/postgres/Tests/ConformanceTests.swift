#if Postgres
import PipelineCore
import PipelineTesting
import PostgresTesting
import Testing

@testable import PostgresSink

/// What every sink promises, in each mode.
@Suite struct PostgresConformanceTests {
    @Test(arguments: LoadMode.allCases, SinkConformance.Law.allCases)
    func conforms(_ mode: LoadMode, to law: SinkConformance.Law) async throws {
        try await SinkWorld.with(mode: mode) { world in
            world.loader.export = ExportID(job: "conformance", export: "rows")
            let world = world
            try await SinkConformance(
                export: world.loader.export,
                open: { body in try await world.loader.open { try await body($0) } },
                rows: { try await world.rows() },
                rejected: { try await world.rejected() },
                removeRows: { window in
                    try await world.database.query("DELETE FROM ads.rows WHERE _sluice_window = \(window.id.value)")
                },
                breakLease: { try await world.database.query("DELETE FROM sluice.leases") }
            ).check(law)
        }
    }
}
#endif
