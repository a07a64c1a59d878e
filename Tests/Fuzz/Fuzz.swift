//  The entry point of libFuzzer: one process feeds one target, named in FUZZ_TARGET.

import Config
import Platform

/// What takes an input. Each target checks laws that must hold for any bytes, and stops the process when one breaks.
enum FuzzTarget: String, CaseIterable {
    case request, fields, json, config, contact, phone, portsip, taptalk
    case contactSource = "contact-source"
    case activecampaign

    func run(_ input: [UInt8]) {
        switch self {
        case .request: fuzzRequests(input)
        case .fields: fuzzFields(input)
        case .json: fuzzJSON(input)
        case .config: fuzzConfiguration(input)
        case .contact: fuzzContact(input)
        case .phone: fuzzPhone(input)
        case .portsip: fuzzVendor(.portsip, input)
        case .taptalk: fuzzVendor(.taptalk, input)
        case .contactSource: fuzzVendor(.contactSource, input)
        case .activecampaign: fuzzVendor(.activecampaign, input)
        }
    }
}

/// Stops the process when a law does not hold: libFuzzer then keeps the input.
func law(_ holds: Bool, _ name: String) {
    if !holds { fatalError("broken law: \(name)") }
}

private let target: FuzzTarget = {
    let name = Environment.value("FUZZ_TARGET") ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        fatalError("FUZZ_TARGET is one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return target
}()

/// Called by libFuzzer for each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
