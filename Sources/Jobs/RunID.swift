import Foundation
package import PipelineCore

/// Makes the ids of runs: UUIDs of version 7 (RFC 9562 §5.7), which sort by time.
package enum RunID {
    /// A new id for a run that starts at `now`, lower-case.
    package static func make(
        now: Timestamp,
        random: UInt64 = .random(in: 0 ... .max),
        more: UInt16 = .random(in: 0 ... .max)
    ) -> String {
        let time = UInt64(now.milliseconds)
        let words = [
            String(time >> 16, radix: 16).leftPadded(8), String(time & 0xFFFF, radix: 16).leftPadded(4),
            String(0x7000 | UInt64(more & 0x0FFF), radix: 16), String(0x8000 | (random >> 48 & 0x3FFF), radix: 16),
            String(random & 0xFFFF_FFFF_FFFF, radix: 16).leftPadded(12),
        ]
        return words.joined(separator: "-")
    }
}

extension String {
    fileprivate func leftPadded(_ width: Int) -> String { String(repeating: "0", count: max(0, width - count)) + self }
}
