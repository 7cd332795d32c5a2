// swift-tools-version: 6.3
import PackageDescription

/// One library room under Sources/, with its tests under Tests/<name>Tests.
struct Room {
    var name: String
    /// Rooms of this package it may import; `ArchitectureTests` fails on an arrow not drawn here.
    var rooms: [String] = []
    var products: [Target.Dependency] = []
    var exclude: [String] = []
    /// Further rooms and products its tests use.
    var tests: [Target.Dependency] = []
    /// Files beside its tests that are read by path.
    var testFiles: [String] = []
}

func product(_ name: String, _ package: String) -> Target.Dependency { .product(name: name, package: package) }

let nio = [product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"), product("NIOHTTP1", "swift-nio")]
let nioFoundation = product("NIOFoundationCompat", "swift-nio")
let nioCompression = product("NIOHTTPCompression", "swift-nio-extras")
let crypto = product("Crypto", "swift-crypto")

let rooms = [
    Room(name: "PipelineCore"),
    Room(name: "ByteCodecs", rooms: ["PipelineCore"]),
    Room(name: "Conversion", rooms: ["PipelineCore", "ByteCodecs"], products: [crypto]),
    Room(
        name: "FileLoading",
        rooms: ["PipelineCore", "CZlib", "CFileShims"],
        products: [crypto],
        exclude: ["CZlib", "CFileShims"]
    ),
    Room(name: "PipelineTesting", rooms: ["PipelineCore"]),
    Room(
        name: "SupermetricsAPI",
        products: [product("AsyncHTTPClient", "async-http-client"), nioCompression] + nio + [nioFoundation]
    ),
    Room(
        name: "Extraction",
        rooms: ["PipelineCore", "ByteCodecs", "SupermetricsAPI"],
        tests: ["Sandbox"]
    ),
    Room(name: "Backfill", rooms: ["SupermetricsAPI"], tests: ["Sandbox"]),
    Room(
        name: "Sandbox",
        products: nio + [nioCompression, crypto]
    ),
    Room(
        name: "Jobs",
        rooms: ["PipelineCore", "Extraction", "Conversion", "SupermetricsAPI"],
        products: [crypto, product("Yams", "Yams")],
        tests: [
            "ByteCodecs", "PipelineTesting", "Sandbox", "FileLoading", "CSVSink", "NDJSONSink", "PostgresSink",
            "PostgresTesting",
        ],
        testFiles: ["Fixtures"]
    ),
]

/// One sink, a folder under sinks/.
///
/// A new sink is a new line here and one in Sources/sluice/InstalledSinks.swift.
struct SinkRoom {
    var module: String
    var folder: String
    var dependencies: [Target.Dependency] = ["PipelineCore", "ByteCodecs", "FileLoading"]
    /// Further rooms and products its tests use.
    var tests: [Target.Dependency] = []
}

/// Where the trait is off, the module of the PostgreSQL sink and its tests are empty and libpq is not needed.
let postgres = TargetDependencyCondition.when(traits: ["Postgres"])

let sinks = [
    SinkRoom(module: "CSVSink", folder: "csv"),
    SinkRoom(module: "NDJSONSink", folder: "ndjson"),
    SinkRoom(
        module: "PostgresSink",
        folder: "postgres",
        dependencies: ["PipelineCore", "ByteCodecs", .target(name: "CLibpq", condition: postgres), crypto],
        tests: ["PostgresTesting"]
    ),
]

let package = Package(
    name: "sluice",
    products: [.executable(name: "sluice", targets: ["sluice"])],
    traits: [
        .trait(name: "Postgres", description: "Loads into PostgreSQL; needs libpq."),
        .default(enabledTraits: ["Postgres"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ],
    targets: [
        .systemLibrary(
            name: "CZlib",
            path: "Sources/FileLoading/CZlib",
            pkgConfig: "zlib",
            providers: [.apt(["zlib1g-dev"])]
        ),
        .target(name: "CFileShims", path: "Sources/FileLoading/CFileShims"),
        .systemLibrary(
            name: "CLibpq",
            path: "sinks/postgres/CLibpq",
            pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"])]
        ),
        .target(name: "TestSupport", dependencies: ["CZlib"], path: "Tests/Support"),
        .target(name: "PostgresTesting", path: "sinks/postgres/Testing"),
        .systemLibrary(name: "CMalloc", path: "Sources/sluice/CMalloc"),
        .executableTarget(
            name: "sluice",
            dependencies: [
                "CMalloc", "PipelineCore", "Extraction", "Conversion", "Jobs", "SupermetricsAPI", "Backfill", "Sandbox",
                "FileLoading",
                product("ArgumentParser", "swift-argument-parser"), product("Logging", "swift-log"),
            ] + sinks.map { .init(stringLiteral: $0.module) },
            exclude: ["CMalloc"]
        ),
        .executableTarget(
            name: "Benchmarks",
            dependencies: ["CAllocations", "PipelineCore", "ByteCodecs", "Conversion", "Sandbox", "PostgresTesting"]
                + nio,
            path: "Tests/Benchmarks",
            exclude: ["run.sh", "CAllocations"]
        ),
        .target(name: "CAllocations", path: "Tests/Benchmarks/CAllocations"),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["Sandbox", "PipelineTesting", "PostgresTesting", "TestSupport", crypto]
        ),
    ]
)

for room in rooms {
    package.products.append(.library(name: room.name, targets: [room.name]))
    package.targets.append(
        .target(
            name: room.name,
            dependencies: room.rooms.map { .init(stringLiteral: $0) } + room.products,
            exclude: room.exclude
        )
    )
    package.targets.append(
        .testTarget(
            name: room.name + "Tests",
            dependencies: [.init(stringLiteral: room.name), "TestSupport"] + room.rooms.map { .init(stringLiteral: $0) }
                + room.products + room.tests,
            exclude: room.testFiles
        )
    )
}

for sink in sinks {
    package.products.append(.library(name: sink.module, targets: [sink.module]))
    package.targets.append(
        .target(name: sink.module, dependencies: sink.dependencies, path: "sinks/\(sink.folder)/Sources")
    )
    package.targets.append(
        .testTarget(
            name: sink.module + "Tests",
            dependencies: [.init(stringLiteral: sink.module), "PipelineTesting", "TestSupport"] + sink.dependencies
                + sink.tests,
            path: "sinks/\(sink.folder)/Tests"
        )
    )
}

let plain: Set<Target.TargetType> = [.regular, .executable, .test]
for target in package.targets
where plain.contains(target.type) && !["CFileShims", "CAllocations"].contains(target.name) {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"), .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("InferIsolatedConformances"), .strictMemorySafety(), .treatAllWarnings(as: .error),
    ]
}
