// swift-tools-version: 6.3
import PackageDescription

// A package of its own, because `swift test` cannot link a target that brings libFuzzer's driver. The rooms are
// links to the sources, because the fuzzer is only guided by code that was built with its instruments.
let package = Package(
    name: "Fuzz",
    dependencies: [.package(url: "https://github.com/apple/swift-crypto", from: "4.5.2")],
    targets: [
        .target(name: "PipelineCore"),
        .target(name: "ByteCodecs", dependencies: ["PipelineCore"]),
        .target(
            name: "Conversion",
            dependencies: ["PipelineCore", "ByteCodecs", .product(name: "Crypto", package: "swift-crypto")]
        ),
        .executableTarget(
            name: "FuzzExpression",
            dependencies: ["PipelineCore", "ByteCodecs", "Conversion"],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]
        ),
        .executableTarget(
            name: "FuzzRowReader",
            dependencies: ["PipelineCore", "ByteCodecs"],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]
        ),
    ]
)

for target in package.targets {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"), .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("InferIsolatedConformances"), .strictMemorySafety(), .treatAllWarnings(as: .error),
        .unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library"]),
    ]
}
