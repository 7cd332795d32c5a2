import CFileShims
import Glibc
import PipelineCore

/// Whom a run shares its destination with: nobody, or the shards of other numbers.
enum Slot: Hashable, Sendable {
    case whole
    case shard(Shard)

    init(_ shard: Shard?) { self = shard.map(Slot.shard) ?? .whole }

    /// The name of the folder the run writes in.
    var name: String {
        switch self {
        case .whole: "run"
        case .shard(let shard): "shard-\(shard.number)-of-\(shard.count)"
        }
    }
}

/// The right to change a destination: locks on bytes of a file in its hidden folder, which the kernel drops with the
/// process.
///
/// A whole run locks every byte from 1 on. A shard shares byte 1 with other shards, shares the byte of its count with
/// shards of the same count, and has the byte of its number for itself. Byte 0 is held for moments, by whoever works on
/// what shards have in common. The file may be removed by its last holder; so whoever gets a lock looks whether the path
/// still leads to the locked file, and every commit looks again.
final class Lease: Sendable {
    static let fileName = "lease"
    static let holderPrefix = "holder"

    let slot: Slot
    private let file: Descriptor
    private let identity: FileIdentity
    private let folder: String

    private init(slot: Slot, file: Descriptor, identity: FileIdentity, folder: String) {
        self.slot = slot
        self.file = file
        self.identity = identity
        self.folder = folder
    }

    /// What came of asking for the lease.
    enum Outcome {
        case held(Lease)
        /// Somebody else has it, told as far as it is known.
        case taken(by: String)
    }

    private static let guardByte: Int64 = 0
    private static let wholeByte: Int64 = 1
    private static let countBytes: Int64 = 1 << 20
    private static let numberBytes: Int64 = 1 << 40

    private static func byte(_ base: Int64, _ number: Int) -> Int64 { base + Int64(min(number, 1 << 39)) }

    /// Asks once for the lease kept in `folder`, which is made if it is not there.
    static func acquire(in folder: String, _ request: RunRequest) throws(SinkError) -> Outcome {
        let (slot, path) = (Slot(request.shard), folder + "/" + fileName)
        for _ in 0..<1000 {
            try FileSystem.makeFolders(folder)
            let raw = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
            if raw < 0 {
                // The last holder has just removed the folder.
                if errno == ENOENT { continue }
                throw FileFailure.last("create", path).error
            }
            let file = Descriptor(raw)
            let isHeld = try lock(file, slot, path)
            guard let identity = FileSystem.identity(of: file), try FileSystem.identity(path) == identity else {
                continue
            }
            guard isHeld else { return .taken(by: try holder(in: folder, slot)) }
            try noteHolder("run \(request.runID), process \(getpid()) on \(hostName)", in: folder, slot)
            return .held(Lease(slot: slot, file: file, identity: identity, folder: folder))
        }
        throw FileFailure(action: "lock", path: path, number: ENOENT).error
    }

    /// Takes the locks of the slot; false where one of them is taken, and then none is held.
    private static func lock(_ file: Descriptor, _ slot: Slot, _ path: String) throws(SinkError) -> Bool {
        switch slot {
        case .whole: return try lock(file, exclusive: true, wholeByte, 0, path)
        case .shard(let shard):
            let count = byte(countBytes, shard.count)
            // Its own count first, then a look at the others: two that come at once may both give up, never both stay.
            guard try lock(file, exclusive: false, wholeByte, 1, path) else { return false }
            guard try lock(file, exclusive: true, byte(numberBytes, shard.number), 1, path) else { return false }
            guard try lock(file, exclusive: false, count, 1, path) else { return false }
            return !conflicts(file, countBytes, count - countBytes)
                && !conflicts(file, count + 1, numberBytes - count - 1)
        }
    }

    private static func lock(
        _ file: Descriptor,
        exclusive: Bool,
        waits: Bool = false,
        _ start: Int64,
        _ length: Int64,
        _ path: String
    ) throws(SinkError) -> Bool {
        while true {
            if sluice_lock(file.raw, exclusive ? 1 : 0, waits ? 1 : 0, start, length) == 0 { return true }
            if errno == EAGAIN || errno == EACCES { return false }
            if errno != EINTR { throw FileFailure.last("lock", path).error }
        }
    }

    private static func conflicts(_ file: Descriptor, _ start: Int64, _ length: Int64) -> Bool {
        sluice_conflicts(file.raw, 1, start, length) != 0
    }

    /// Fails unless the path still leads to the locked file.
    func verify() throws(SinkError) {
        let path = folder + "/" + Self.fileName
        guard try FileSystem.identity(path) != identity else { return }
        throw SinkError(
            .leaseLost,
            "the lease \(path) was removed or replaced while this run held it, so nothing more is written; "
                + "run again, and leave that folder alone while a run is under way"
        )
    }

    /// Whether a run of that folder name is under way, this one included.
    func isHeld(slotNamed name: String) -> Bool {
        if name == slot.name { return true }
        let numbers = name.split(separator: "-").compactMap { Int($0) }
        // A whole run excludes this one, so its folder is nobody's.
        guard let number = numbers.first else { return false }
        return Self.conflicts(file, Self.byte(Self.numberBytes, number), 1)
    }

    /// Runs `body` while no other shard runs such a body.
    func alone(_ body: () throws(SinkError) -> Void) throws(SinkError) {
        let path = folder + "/" + Self.fileName
        _ = try Self.lock(file, exclusive: true, waits: true, Self.guardByte, 1, path)
        defer { sluice_unlock(file.raw, Self.guardByte, 1) }
        try body()
    }

    /// Whether no other run shares the lease, which from now on none can.
    func excludeOthers() throws(SinkError) -> Bool {
        try Self.lock(file, exclusive: true, Self.wholeByte, 0, folder + "/" + Self.fileName)
    }

    // MARK: Who holds it

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        _ = unsafe gethostname(&name, name.count - 1)
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Writes `text` for others to read, and removes the notes of runs that this lease proves dead.
    private static func noteHolder(_ text: String, in folder: String, _ slot: Slot) throws(SinkError) {
        let whole = "\(holderPrefix)-\(Slot.whole.name)"
        for name in try FileSystem.names(in: folder)
        where name == whole || slot == .whole && name.hasPrefix(holderPrefix + "-") {
            try FileSystem.removeFile("\(folder)/\(name)")
        }
        let path = "\(folder)/\(holderPrefix)-\(slot.name)"
        let file = try FileSystem.open(path, O_WRONLY | O_CREAT | O_TRUNC, to: "create")
        try FileSystem.write(Array(text.utf8).span, to: file, path)
    }

    /// What the holders that stand in the way of `slot` wrote about themselves.
    private static func holder(in folder: String, _ slot: Slot) throws(SinkError) -> String {
        let names = try FileSystem.names(in: folder).filter { $0.hasPrefix(holderPrefix + "-") }
        let best = [Slot.whole, slot].lazy.map { "\(holderPrefix)-\($0.name)" }.first(where: names.contains)
        guard let name = best ?? names.first, let text = try FileSystem.contents(of: "\(folder)/\(name)"), !text.isEmpty
        else { return "a run that has just begun" }
        return String(decoding: text, as: UTF8.self)
    }

    /// Gives the lease back.
    func release() { sluice_unlock(file.raw, 0, 0) }

    private var holderPath: String { "\(folder)/\(Self.holderPrefix)-\(slot.name)" }

    /// The files it consists of.
    var paths: [String] { [folder + "/" + Self.fileName, holderPath] }

    /// Removes what this run wrote about itself.
    func forgetHolder() throws(SinkError) { try FileSystem.removeFile(holderPath) }
}

extension Lease {
    /// Asks for the lease until it is there, or once where the request does not wait.
    ///
    /// - Throws: `SinkError` with the code `.locked`, or `CancellationError`.
    static func acquire(
        in folder: String,
        of destination: String,
        _ request: RunRequest,
        on queue: DiskQueue
    ) async throws -> Lease {
        var pause = Duration.milliseconds(20)
        while true {
            try Task.checkCancellation()
            let outcome = try await queue.run { () throws(SinkError) in try acquire(in: folder, request) }
            switch outcome {
            case .held(let lease): return lease
            case .taken(let holder):
                guard request.waits else {
                    throw SinkError(
                        .locked,
                        "\(destination) is being written by another run (\(holder)); wait for it with --wait, "
                            + "or run again when it is over"
                    )
                }
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(2))
            }
        }
    }
}
