import Foundation
import PipelineCore
import TestSupport
import Testing

@testable import FileLoading

@Suite struct LeaseTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func acquire(_ runID: String, shard: String? = nil) throws -> Lease.Outcome {
        let request = RunRequest(export: Loader.export, runID: runID, shard: shard.flatMap(Shard.init))
        return try Lease.acquire(in: folder.path + "/work", request)
    }

    private func lease(_ outcome: Lease.Outcome) -> Lease? {
        if case .held(let lease) = outcome { lease } else { nil }
    }

    @Test func whoIsRefusedLearnsWhoHoldsIt() throws {
        let lease = try #require(try lease(acquire("run-a")))
        guard case .taken(let holder) = try acquire("run-b") else {
            Issue.record("a second lease was given")
            return
        }
        #expect(holder.contains("run-a") && holder.contains("process \(getpid()) on "))
        lease.release()
        #expect(try self.lease(acquire("run-c")) != nil)
    }

    @Test func aShardIsToldOfTheShardInItsWay() throws {
        let lease = try #require(try lease(acquire("run-a", shard: "2/3")))
        guard case .taken(let holder) = try acquire("run-b", shard: "2/3") else {
            Issue.record("a second lease was given")
            return
        }
        #expect(holder.contains("run-a"))
        #expect(lease.isHeld(slotNamed: "shard-2-of-3") && !lease.isHeld(slotNamed: "shard-1-of-3"))
        let other = try #require(try self.lease(acquire("run-c", shard: "1/3")))
        #expect(lease.isHeld(slotNamed: "shard-1-of-3") && other.isHeld(slotNamed: "shard-2-of-3"))
    }

    @Test(arguments: ["removed", "replaced", "folder removed"])
    func aLockFileThatIsNotTheOneHeldIsLost(_ how: String) throws {
        let lease = try #require(try lease(acquire("run-a")))
        try lease.verify()
        let files = FileManager.default
        try files.removeItem(atPath: folder.path + (how == "folder removed" ? "/work" : "/work/lease"))
        if how == "replaced" { try folder.write("", to: "work/lease") }
        let error = #expect(throws: SinkError.self) { try lease.verify() }
        #expect(error?.code == .leaseLost)
        #expect(try self.lease(acquire("run-b")) != nil, "the place is free for others")
    }

    @Test func theLastOneOutRemovesTheFolder() throws {
        let workspace = Workspace(path: folder.path + "/work")
        let first = try #require(try lease(acquire("run-a", shard: "1/2")))
        let second = try #require(try lease(acquire("run-b", shard: "2/2")))
        try workspace.leave(first)
        first.release()
        #expect(folder.listing() == ["work", "work/holder-shard-2-of-2", "work/lease"])
        try second.verify()
        try workspace.leave(second)
        #expect(folder.listing() == [])
    }

    @Test func whatAKilledRunWroteAboutItselfIsForgotten() throws {
        try FileManager.default.createDirectory(atPath: folder.path + "/work", withIntermediateDirectories: true)
        for name in ["holder-run", "holder-shard-1-of-2"] { try folder.write("run dead", to: "work/" + name) }
        _ = try #require(try lease(acquire("run-a")))
        #expect(folder.listing("work") == ["holder-run", "lease"])
    }
}
