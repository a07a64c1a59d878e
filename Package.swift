// swift-tools-version: 6.2
//  One target a room; a room imports only what stands below it. `Tests/LayeringTests` holds the same table.

import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),  // properties that lend a Span of their owner's bytes
    .treatAllWarnings(as: .error),
]

/// Rooms without C: the compiler proves that no memory is touched unchecked.
let pure = strict + [.strictMemorySafety()]

func room(
    _ name: String,
    _ dependencies: [Target.Dependency],
    _ settings: [SwiftSetting],
    documents: [String] = []
) -> Target {
    .target(name: name, dependencies: dependencies, exclude: documents, swiftSettings: settings)
}

func shim(_ name: String, links libraries: [String]) -> Target {
    .target(name: name, linkerSettings: libraries.map { .linkedLibrary($0) })
}

func tests(of name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: [.byName(name: name)] + dependencies,
        resources: resources,
        swiftSettings: strict
    )
}

let package = Package(
    name: "contact-gateway",
    products: [
        .executable(name: "contact-gateway", targets: ["contact-gateway"])
    ],
    targets: [
        .executableTarget(
            name: "contact-gateway",
            dependencies: [
                "Gateway", "Simulators", "Config", "Webhooks", "HTTPServer", "HTTPCore", "JSON", "Log", "Platform",
            ],
            swiftSettings: strict
        ),
        room(
            "Gateway",
            [
                "API", "Sync", "Webhooks", "Vendors", "Config", "Store", "HTTPServer", "HTTPClient", "Crypto",
                "Contacts", "HTTPCore", "JSON", "Log", "Metrics", "Platform",
            ],
            strict
        ),

        room(
            "API",
            ["Vendors", "Config", "Store", "HTTPServer", "Crypto", "Contacts", "HTTPCore", "JSON", "Log", "Platform"],
            pure
        ),
        room(
            "Sync",
            ["Vendors", "Config", "Store", "Contacts", "HTTPCore", "JSON", "Log", "Metrics", "Platform"],
            pure
        ),
        room(
            "Webhooks",
            ["Config", "Store", "Crypto", "Contacts", "HTTPCore", "JSON", "Log", "Metrics", "Platform"],
            pure
        ),
        room("Simulators", ["HTTPServer", "Crypto", "Contacts", "HTTPCore", "JSON", "Log", "Platform"], pure),

        room("Vendors", ["Config", "Contacts", "HTTPCore", "JSON", "Log", "Metrics", "Platform"], pure),
        room("Config", ["Crypto", "Contacts", "HTTPCore", "JSON", "Log", "Platform"], pure),

        room(
            "Store",
            ["CSQLite", "Contacts", "JSON", "Log", "Metrics", "Platform"],
            strict,
            documents: ["Durability.md"]
        ),
        room(
            "HTTPServer",
            ["CLinux", "COpenSSL", "HTTPCore", "Log", "Metrics", "Platform"],
            strict,
            documents: ["Strictness.md"]
        ),
        room("HTTPClient", ["CCurl", "HTTPCore", "Log", "Platform"], strict),
        room("Crypto", ["COpenSSL"], strict),

        room("Contacts", ["JSON", "Platform"], pure),
        room("HTTPCore", ["JSON", "Platform"], pure),
        room("JSON", [], pure),
        room("Log", ["JSON", "Platform"], strict),
        room("Metrics", [], pure),
        room("Platform", ["CLinux"], strict),

        shim("CSQLite", links: ["sqlite3"]),
        shim("CLinux", links: []),
        shim("CCurl", links: []),  // loads libcurl itself
        shim("COpenSSL", links: ["ssl", "crypto"]),

        .target(
            name: "TestSupport",
            dependencies: ["CTestOrder", "HTTPCore", "JSON", "Platform"],
            path: "Tests/TestSupport",
            swiftSettings: strict
        ),
        .target(name: "CTestOrder", path: "Tests/CTestOrder"),
        tests(of: "JSON", ["TestSupport"]),
        tests(of: "Contacts", ["JSON", "Platform", "TestSupport"], resources: [.copy("Fixtures")]),
        tests(of: "HTTPCore", ["JSON", "Platform", "TestSupport"]),
        tests(of: "Platform", ["TestSupport"]),
        tests(of: "Log", ["JSON", "Platform", "TestSupport"]),
        tests(of: "Metrics", []),
        tests(of: "Crypto", ["TestSupport"]),
        tests(of: "HTTPServer", ["HTTPCore", "JSON", "Log", "Platform", "TestSupport"]),
        tests(of: "HTTPClient", ["HTTPServer", "HTTPCore", "Log", "Platform", "TestSupport"]),
        .target(name: "CFaultVFS", path: "Tests/CFaultVFS", linkerSettings: [.linkedLibrary("sqlite3")]),
        tests(of: "Store", ["CFaultVFS", "CSQLite", "Contacts", "JSON", "Log", "Platform", "TestSupport"]),
        tests(of: "Config", ["Crypto", "Contacts", "HTTPCore", "JSON", "Log", "Platform", "TestSupport"]),
        tests(
            of: "Vendors",
            [
                "Simulators", "HTTPClient", "HTTPServer", "Config", "Contacts", "HTTPCore", "JSON", "Log", "Platform",
                "TestSupport",
            ],
            resources: [.copy("Fixtures")]
        ),
        tests(
            of: "Simulators",
            ["HTTPClient", "HTTPServer", "Crypto", "Contacts", "HTTPCore", "JSON", "Log", "Platform", "TestSupport"]
        ),
        tests(
            of: "Sync",
            [
                "Vendors", "Simulators", "HTTPClient", "HTTPServer", "Store", "Config", "Contacts", "HTTPCore", "JSON",
                "Log", "Platform", "TestSupport",
            ]
        ),
        tests(
            of: "Webhooks",
            [
                "HTTPClient", "HTTPServer", "Store", "Crypto", "Config", "Contacts", "HTTPCore", "JSON", "Log",
                "Platform", "TestSupport",
            ]
        ),
        tests(
            of: "API",
            [
                "Vendors", "Config", "Store", "HTTPServer", "HTTPClient", "Crypto", "Contacts", "HTTPCore", "JSON",
                "Log", "Platform",
                "TestSupport",
            ]
        ),
        tests(
            of: "Gateway",
            [
                "contact-gateway", "API", "Vendors", "Config", "Store", "HTTPServer", "HTTPClient", "Crypto",
                "Contacts", "HTTPCore", "JSON", "Log", "Metrics", "Platform", "TestSupport",
            ]
        ),
        .testTarget(name: "LayeringTests", dependencies: [], swiftSettings: strict),
    ]
)

// Only where asked for: libFuzzer brings its own `main`, so that this target links with `--sanitize=fuzzer` alone.
if Context.environment["CONTACT_GATEWAY_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "API", "Store", "Vendors", "Config", "Contacts", "HTTPCore", "JSON", "Log", "Platform", "TestSupport",
            ],
            path: "Tests/Fuzz",
            exclude: ["run.sh"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]
        )
    )
}
