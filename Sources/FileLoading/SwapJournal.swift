import PipelineCore

/// Renames that belong together, noted before the first so that they can be completed by whoever comes next.
///
/// Where each takes two renames (out of the way, into place) there is no one step; but from the moment the journal is
/// there, the outcome is certain.
struct SwapJournal: Codable, Sendable {
    /// One folder to be put into place, both paths below the destination's folder.
    struct Move: Codable, Sendable {
        var from: String
        var to: String
    }

    var moves: [Move]
    /// Folders to be taken away, none of which is in the way of a move.
    var removals: [String] = []

    /// Carries out what is not carried out yet; may be called again after it was stopped anywhere.
    ///
    /// - Parameters:
    ///   - root: The destination's folder.
    ///   - trash: A folder that takes what goes; removed by the caller.
    /// - Throws: `SinkError` where a rename fails; what was carried out stays so.
    func complete(in root: String, trash: String) throws(SinkError) {
        try FileSystem.makeFolders(trash)
        for (number, move) in moves.enumerated() {
            let (from, to) = ("\(root)/\(move.from)", "\(root)/\(move.to)")
            // A move whose source is gone was made before.
            guard try FileSystem.exists(from) else { continue }
            try discard(to, into: trash)
            try FileSystem.makeFolders(FileSystem.parent(to))
            try FileSystem.rename(from, to: to)
            try FileSystem.sync(folder: FileSystem.parent(to))
            if number == 0 { FaultPoint.pass("file.replace.mid-swap") }
        }
        for path in removals { try discard("\(root)/\(path)", into: trash) }
        try FileSystem.sync(folder: root)
    }

    private func discard(_ path: String, into trash: String) throws(SinkError) {
        guard try FileSystem.exists(path) else { return }
        var number = 0
        while try FileSystem.exists("\(trash)/\(number)") { number += 1 }
        try FileSystem.rename(path, to: "\(trash)/\(number)")
    }
}
