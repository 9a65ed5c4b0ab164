// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target is compiled with. No target opts out.
let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // Debug builds, and with them all tests, check accesses at run time; in a release build that
    // was a third of a request's instructions.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
/// What scripts/build knows of the commit that it builds.
let commit = Context.environment["DMFUSE_COMMIT"] ?? ""
/// The core and its stress suite alone, for the build of scripts/test under ThreadSanitizer.
let isStressOnly = Context.environment["DMFUSE_STRESS_ONLY"] != nil
let stressed = ["CLinux", "DeviceMapper", "DMTestSupport", "StressTests"]

// One way only: CFuse <- DMFilesystem; DeviceMapper <- {DMFilesystem, DMControl} <- DMCommandLine.
// DMFilesystem and DMControl never see each other, and nothing in DeviceMapper knows FUSE.
let package = Package(
    name: "dmfuse",
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        .target(name: "CFuse", path: "CFuse", linkerSettings: [.linkedLibrary("fuse3")]),
        .target(name: "CLinux"),
        // Apart from all else: that a commit was made builds nothing else again.
        .target(name: "CCommit", cSettings: [.define("DMFUSE_COMMIT", to: "\"\(commit)\"")]),
        // Loaded into other programs by `dmfuse run`, so nothing here depends on it; scripts/build
        // links it, since SwiftPM's libraries always need Swift's runtime.
        .target(name: "CDMPreload", publicHeadersPath: "."),
        .target(
            name: "DeviceMapper", dependencies: ["CLinux", system], swiftSettings: settings),
        .target(
            name: "DMControl", dependencies: ["CLinux", "DeviceMapper", system],
            swiftSettings: settings),
        .target(
            name: "DMFilesystem", dependencies: ["CFuse", "DeviceMapper", system],
            swiftSettings: settings),
        .target(
            name: "DMCommandLine",
            dependencies: [
                "CLinux", "DeviceMapper", "DMControl", "DMFilesystem", system,
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: settings),
        .executableTarget(
            name: "dmfuse", dependencies: ["CCommit", "DMCommandLine"], swiftSettings: settings),
        .executableTarget(
            name: "manual", dependencies: ["DMCommandLine"], swiftSettings: settings),
        .target(
            name: "DMTestSupport", dependencies: ["DeviceMapper", system], swiftSettings: settings),
        .executableTarget(
            name: "explore", dependencies: ["DeviceMapper", "DMTestSupport"],
            swiftSettings: settings),
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "DMCommandLine", "DMControl", "DMTestSupport", "DeviceMapper", system,
            ],
            swiftSettings: settings + [.enableExperimentalFeature("Extern")]),
        .executableTarget(
            name: "seamcost", dependencies: ["DeviceMapper", "DMTestSupport"],
            swiftSettings: settings),
        .executableTarget(
            name: "instructions", dependencies: ["DeviceMapper", system], swiftSettings: settings),
        .testTarget(
            name: "DeviceMapperTests", dependencies: ["DeviceMapper", "DMTestSupport", system],
            swiftSettings: settings),
        .testTarget(
            name: "StressTests", dependencies: ["DeviceMapper", "DMTestSupport", system],
            swiftSettings: settings),
        .testTarget(
            name: "DMControlTests", dependencies: ["DMControl", "DMTestSupport", system],
            swiftSettings: settings),
        .testTarget(
            name: "DMFilesystemTests",
            dependencies: ["CFuse", "DMFilesystem", "DMTestSupport", system],
            swiftSettings: settings),
        .testTarget(
            name: "CommandLineTests",
            dependencies: [
                "DMCommandLine", "DMControl", "DMFilesystem", "DeviceMapper", "DMTestSupport",
                system,
            ],
            exclude: ["Transcripts"],
            swiftSettings: settings),
    ]
)
if isStressOnly { package.targets.removeAll { !stressed.contains($0.name) } }
