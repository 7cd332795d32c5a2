import CFileShims
import Glibc
import PipelineCore

/// Proves that a folder can be written the way a run will, and leaves it as it was.
enum Probe {
    /// What the file system around a path can do.
    struct Findings {
        var exchangesFolders: Bool
    }

    /// Writes, syncs, locks and renames in a folder of its own below `folder`.
    static func run(in folder: String) throws(SinkError) -> Findings {
        let made = try FileSystem.makeFolders(folder)
        defer { for path in made.reversed() { FileSystem.removeEmptyFolder(path) } }
        let probe = "\(folder)/.sluice-check-\(getpid())"
        defer { try? FileSystem.removeTree(probe) }
        let (first, second) = (probe + "/first", probe + "/second")
        try FileSystem.makeFolders(first)
        try FileSystem.makeFolders(second)
        try FileSystem.replace(first + "/file", with: [UInt8](repeating: 0x20, count: 4096))
        let file = try FileSystem.open(first + "/file", O_RDWR, to: "open")
        guard sluice_lock(file.raw, 1, 0, 0, 0) == 0 else { throw FileFailure.last("lock", folder).error }
        return Findings(exchangesFolders: try FileSystem.exchange(first, second))
    }
}

extension Folder {
    func check() throws(SinkError) -> [String] {
        guard try !Probe.run(in: root).exchangesFolders else { return [] }
        return [
            "\(description): the file system cannot exchange two folders in one step, so a window that is loaded again "
                + "is missing for a moment; a run that dies in it is completed by the next"
        ]
    }
}

extension SingleFile {
    func check() throws(SinkError) -> [String] {
        try requirePlace(keeping: false)
        _ = try Probe.run(in: FileSystem.parent(path))
        return []
    }
}
