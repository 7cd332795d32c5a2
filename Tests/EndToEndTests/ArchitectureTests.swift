import Foundation
import TestSupport
import Testing

/// The rooms import what they may, and nothing else: by the manifest, and by what the sources say.
@Suite struct ArchitectureTests {
    /// Which of the package's rooms each room may use.
    static let rooms: [String: Set<String>] = [
        "PipelineCore": [], "SupermetricsAPI": [], "Sandbox": [],
        "ByteCodecs": ["PipelineCore"],
        "Conversion": ["PipelineCore", "ByteCodecs"],
        "Extraction": ["PipelineCore", "ByteCodecs", "SupermetricsAPI"],
        "Backfill": ["SupermetricsAPI"],
        "FileLoading": ["PipelineCore", "CZlib", "CFileShims"],
        "CSVSink": ["PipelineCore", "ByteCodecs", "FileLoading"],
        "NDJSONSink": ["PipelineCore", "ByteCodecs", "FileLoading"],
        "PostgresSink": ["PipelineCore", "ByteCodecs", "CLibpq"],
        "Jobs": ["PipelineCore", "Extraction", "Conversion", "SupermetricsAPI"],
        "PipelineTesting": ["PipelineCore"],
        "CZlib": [], "CFileShims": [], "CMalloc": [], "CLibpq": [],
    ]

    /// The modules from outside each room may use; `sluice` apart, a room that is not listed uses none.
    static let outside: [String: Set<String>] = [
        "SupermetricsAPI": [
            "AsyncHTTPClient", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOFoundationCompat", "NIOHTTPCompression",
        ],
        "Sandbox": ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOHTTPCompression", "Crypto"],
        "Conversion": ["Crypto"], "FileLoading": ["Crypto"], "PostgresSink": ["Crypto"],
        "Jobs": ["Yams", "Crypto"],
        "sluice": ["ArgumentParser", "Logging"],
    ]

    static let sinks: Set<String> = ["CSVSink", "NDJSONSink", "PostgresSink"]
    /// Targets that are no part of what is shipped.
    static let aside: Set<String> = ["Benchmarks", "CAllocations", "PostgresTesting", "TestSupport"]

    struct Manifest: Decodable {
        struct Target: Decodable {
            var name: String
            var type: String
            var path: String?
            var dependencies: [[String: [Name?]]]
        }

        /// The first element of a dependency is its name; the others are conditions and package names.
        struct Name: Decodable {
            var text: String?

            init(from decoder: any Decoder) throws { text = try? decoder.singleValueContainer().decode(String.self) }
        }

        var targets: [Target]
    }

    /// The manifest as the package manager understands it.
    private static func manifest() async throws -> Manifest {
        // With a scratch folder of its own it does not wait for the build whose tests these are.
        let scratch = try TemporaryFolder()
        let dump = try await shellCommand(
            "swift",
            "package",
            "--package-path",
            ExampleTests.root,
            "--scratch-path",
            scratch.path,
            "dump-package"
        )
        try #require(dump.exitCode == 0, "\(dump.errors)")
        return try JSONDecoder().decode(Manifest.self, from: Data(dump.output))
    }

    @Test func theManifestDrawsNoOtherArrow() async throws {
        let targets = try await Self.manifest().targets
        let names = Set(targets.map(\.name))
        #expect(names.isSuperset(of: ["PipelineCore", "Jobs", "CSVSink", "sluice"]))
        for target in targets where target.type != "test" && !Self.aside.contains(target.name) {
            let dependencies = Set(target.dependencies.flatMap(\.values).compactMap { $0.first??.text })
            let ours = dependencies.intersection(names)
            let foreign = dependencies.subtracting(names)
            #expect(
                foreign.subtracting(Self.outside[target.name] ?? []) == [],
                "\(target.name) uses packages it may not use"
            )
            guard target.name != "sluice" else {
                #expect(!ours.contains("PipelineTesting"), "the command is built without what only tests need")
                continue
            }
            let allowed = try #require(
                Self.rooms[target.name],
                "\(target.name) is a room without a place in this table"
            )
            #expect(ours.subtracting(allowed) == [], "\(target.name) uses rooms it may not use")
        }
    }

    @Test func theSourcesImportNoMore() async throws {
        let targets = try await Self.manifest().targets
        let system: Set<String> = [
            "Foundation", "FoundationEssentials", "FoundationNetworking", "Glibc", "Dispatch", "Synchronization",
            "Swift",
        ]
        for target in targets where target.type == "regular" && !Self.aside.contains(target.name) {
            let folder = "\(ExampleTests.root)/\(target.path ?? "Sources/\(target.name)")"
            let files = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
            let allowed = (Self.rooms[target.name] ?? []).union(Self.outside[target.name] ?? []).union(system)
            for file in files where file.hasSuffix(".swift") {
                let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
                let imports = text.matches(of: /(?m)^(?:public |package |internal |@\w+ )*import (?:\w+ )?(\w+)/)
                for module in Set(imports.map { String($0.output.1) }).subtracting(allowed) {
                    Issue.record("\(target.name)/\(file) imports \(module)")
                }
            }
        }
    }

    @Test func noSinkKnowsAnotherSinkTheJobsOrTheAPI() async throws {
        for target in try await Self.manifest().targets where Self.sinks.contains(target.name) {
            let dependencies = Set(target.dependencies.flatMap(\.values).compactMap { $0.first??.text })
            #expect(
                dependencies.isDisjoint(with: Self.sinks.union(["Jobs", "SupermetricsAPI", "Extraction", "Sandbox"]))
            )
            let folder = "\(ExampleTests.root)/\(target.path ?? "")"
            for file in FileManager.default.enumerator(atPath: folder)?.compactMap({ $0 as? String }) ?? []
            where file.hasSuffix(".swift") && !file.hasPrefix("Tests/") {
                let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
                #expect(
                    text.firstMatch(of: /(?m)^package |\bpackage (?:func|var|let|struct|init)/) == nil,
                    "\(file): sinks use `public` alone"
                )
            }
        }
    }
}
