import CFileShims
import Glibc
import PipelineCore

/// An open file, closed when nothing uses it any more.
final class Descriptor: Sendable {
    let raw: Int32

    init(_ raw: Int32) { self.raw = raw }

    deinit { close(raw) }

    /// Whether it can be written without waiting, at the latest after this time; also where writing fails.
    func takesBytes(within time: Duration) -> Bool {
        var wanted = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&wanted, 1, Int32(time / .milliseconds(1))) > 0
    }

    var isRegularFile: Bool {
        var status = stat()
        return unsafe fstat(raw, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}

/// Which file a path leads to, whatever is renamed meanwhile.
struct FileIdentity: Hashable, Sendable {
    var device: UInt
    var number: UInt
}

/// The file calls the room needs, each with its failure in words.
enum FileSystem {
    enum Kind { case file, folder, other }

    static func open(_ path: String, _ flags: Int32, to action: String) throws(SinkError) -> Descriptor {
        while true {
            let raw = unsafe Glibc.open(path, flags | O_CLOEXEC, 0o666)
            if raw >= 0 { return Descriptor(raw) }
            if errno != EINTR { throw FileFailure.last(action, path).error }
        }
    }

    private static func status(_ path: String) throws(SinkError) -> stat? {
        var result = stat()
        guard unsafe stat(path, &result) != 0 else { return result }
        guard errno == ENOENT || errno == ENOTDIR else { throw FileFailure.last("look at", path).error }
        return nil
    }

    /// What stands at the path; nil where nothing does.
    static func kind(_ path: String) throws(SinkError) -> Kind? {
        guard let mode = try status(path)?.st_mode else { return nil }
        return mode & S_IFMT == S_IFREG ? .file : mode & S_IFMT == S_IFDIR ? .folder : .other
    }

    static func exists(_ path: String) throws(SinkError) -> Bool { try status(path) != nil }

    /// The size of the file in bytes; nil where there is none.
    static func size(_ path: String) throws(SinkError) -> Int? { try status(path)?.st_size }

    static func permissions(_ path: String) throws(SinkError) -> mode_t? { try status(path).map { $0.st_mode & 0o777 } }

    /// Gives an open file these permissions, unless it has them.
    static func setPermissions(_ mode: mode_t, of file: Descriptor, _ path: String) throws(SinkError) {
        var present = stat()
        guard unsafe fstat(file.raw, &present) == 0 else { throw FileFailure.last("look at", path).error }
        // A file system that has no permissions of its own refuses what changes them.
        guard present.st_mode & 0o777 != mode else { return }
        guard fchmod(file.raw, mode) == 0 else { throw FileFailure.last("set the permissions of", path).error }
    }

    /// Whether something else is mounted over the path, so that no file can take its place.
    static func isMountPoint(_ path: String) -> Bool { unsafe sluice_is_mount_point(path) != 0 }

    static func identity(_ path: String) throws(SinkError) -> FileIdentity? {
        try status(path).map { FileIdentity(device: $0.st_dev, number: $0.st_ino) }
    }

    static func identity(of file: Descriptor) -> FileIdentity? {
        var result = stat()
        guard unsafe fstat(file.raw, &result) == 0 else { return nil }
        return FileIdentity(device: result.st_dev, number: result.st_ino)
    }

    /// The folder a path stands in.
    static func parent(_ path: String) -> String {
        // A character may be more than the slash: an accent that follows it.
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    /// The names in a folder, sorted; empty where there is no folder.
    static func names(in folder: String) throws(SinkError) -> [String] {
        guard let stream = unsafe opendir(folder) else {
            guard errno == ENOENT || errno == ENOTDIR else { throw FileFailure.last("read the folder", folder).error }
            return []
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            guard let field = MemoryLayout<dirent>.offset(of: \dirent.d_name) else { break }
            let start = unsafe UnsafeRawPointer(entry).advanced(by: field)
            let name = unsafe String(cString: start.assumingMemoryBound(to: CChar.self))
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Makes the folder and those around it, durably.
    ///
    /// - Returns: The folders that were not there, outermost first.
    @discardableResult static func makeFolders(_ path: String) throws(SinkError) -> [String] {
        if try makeFolder(path) { return [path] }
        guard try kind(path) == nil else { return [] }
        let around = try makeFolders(parent(path))
        // Whoever else makes it meanwhile made it, but where it cannot be made at all there is no third try.
        if try makeFolder(path) { return around + [path] }
        guard try kind(path) == .folder else {
            throw FileFailure(action: "create the folder", path: path, number: ENOENT).error
        }
        return around
    }

    /// Makes one folder; false where it is there or the folder around it is not.
    private static func makeFolder(_ path: String) throws(SinkError) -> Bool {
        // Another run may remove it between two looks; a link that leads nowhere stays in the way.
        for _ in 0..<100 {
            if unsafe mkdir(path, 0o777) == 0 {
                try sync(folder: parent(path))
                return true
            }
            if errno == ENOENT, path != "/" { return false }
            guard errno == EEXIST else { throw FileFailure.last("create the folder", path).error }
            guard let kind = try kind(path) else { continue }
            guard kind == .folder else { break }
            return false
        }
        throw FileFailure(action: "create the folder", path: path, number: ENOTDIR).error
    }

    /// Makes one folder where nothing is, in a folder that is there.
    static func makeNewFolder(_ path: String) throws(SinkError) {
        guard unsafe mkdir(path, 0o777) == 0 else { throw FileFailure.last("create the folder", path).error }
    }

    static func rename(_ from: String, to: String) throws(SinkError) {
        guard unsafe Glibc.rename(from, to) == 0 else { throw FileFailure.last("rename \(from) to", to).error }
    }

    /// Gives a file a name that nothing has; false where something has it, and then nothing changes.
    static func rename(_ from: String, toNew to: String) throws(SinkError) -> Bool {
        if unsafe sluice_rename_new(from, to) == 0 { return true }
        // A second name is given in one step by every file system that knows hard links.
        if [EINVAL, ENOSYS, EOPNOTSUPP].contains(errno), unsafe link(from, to) == 0 {
            try removeFile(from)
            return true
        }
        guard errno == EEXIST else { throw FileFailure.last("rename \(from) to", to).error }
        return false
    }

    /// Exchanges what two paths lead to in one step; false where the file system cannot.
    static func exchange(_ first: String, _ second: String) throws(SinkError) -> Bool {
        guard unsafe sluice_exchange(first, second) != 0 else { return true }
        guard [EINVAL, ENOSYS, EOPNOTSUPP].contains(errno) else {
            throw FileFailure.last("exchange \(first) with", second).error
        }
        return false
    }

    /// Removes a file if it is there.
    static func removeFile(_ path: String) throws(SinkError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw FileFailure.last("remove", path).error }
    }

    /// Removes a folder if it is there and empty.
    static func removeEmptyFolder(_ path: String) { _ = unsafe rmdir(path) }

    /// Removes a file or a folder with all that is in it, following no link.
    static func removeTree(_ path: String) throws(SinkError) {
        if unsafe unlink(path) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw FileFailure.last("remove", path).error }
        for name in try names(in: path) { try removeTree(path + "/" + name) }
        guard unsafe rmdir(path) == 0 || errno == ENOENT else {
            throw FileFailure.last("remove the folder", path).error
        }
    }

    static func sync(folder: String) throws(SinkError) {
        try sync(open(folder, O_RDONLY | O_DIRECTORY, to: "open the folder"), folder)
    }

    /// Brings what was written to the device.
    static func sync(_ file: Descriptor, _ path: String) throws(SinkError) {
        while fsync(file.raw) != 0 {
            // A file system without fsync for folders says EINVAL; there is nothing more that could be done.
            if errno == EINVAL { return }
            if errno != EINTR { throw FileFailure.last("write to the device", path).error }
        }
    }

    /// Writes all of `bytes` at the file's position.
    static func write(_ bytes: Span<UInt8>, to file: Descriptor, _ path: String) throws(SinkError) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(file.raw, buffer.baseAddress.map { unsafe $0 + written }, buffer.count - written)
            }
            if count >= 0 {
                written += count
            } else if errno == EAGAIN {
                // Standard output may be a pipe that someone made non-blocking.
                _ = file.takesBytes(within: .seconds(1))
            } else if errno != EINTR {
                throw FileFailure.last("write", path).error
            }
        }
    }

    /// Reads up to `count` bytes at the file's position into `buffer`, whose content is replaced.
    static func read(_ count: Int, from file: Descriptor, _ path: String, into buffer: inout [UInt8]) throws(SinkError)
    {
        buffer.removeAll(keepingCapacity: true)
        var failure: FileFailure?
        buffer.append(addingCapacity: count) { span in
            unsafe span.withUnsafeMutableBufferPointer { memory, initialized in
                var result: Int
                repeat {
                    result = unsafe Glibc.read(file.raw, memory.baseAddress, min(count, memory.count))
                } while result < 0 && errno == EINTR
                if result < 0 { failure = .last("read", path) }
                initialized = max(0, result)
            }
        }
        if let failure { throw failure.error }
    }

    /// All bytes of a small file; nil where there is none.
    static func contents(of path: String) throws(SinkError) -> [UInt8]? {
        let raw = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else {
            guard errno == ENOENT || errno == ENOTDIR else { throw FileFailure.last("read", path).error }
            return nil
        }
        let file = Descriptor(raw)
        var result: [UInt8] = []
        var buffer: [UInt8] = []
        repeat {
            try read(64 << 10, from: file, path, into: &buffer)
            result += buffer
        } while !buffer.isEmpty
        return result
    }

    /// Writes a small file so that it is there whole or not at all, and durably.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - bytes: Its content.
    ///   - draft: Where it is written first, on the same file system; beside the file unless given.
    /// - Throws: `SinkError` where it cannot be written; the old content then stays.
    static func replace(_ path: String, with bytes: [UInt8], draft: String? = nil) throws(SinkError) {
        let beside = draft ?? path + ".new"
        let file = try open(beside, O_WRONLY | O_CREAT | O_TRUNC, to: "create")
        try write(bytes.span, to: file, beside)
        try sync(file, beside)
        try rename(beside, to: path)
        try sync(folder: parent(path))
    }

    /// The path without links, `.` and `..`, as far as it exists; also of links to what does not exist yet.
    static func canonical(_ path: String, links: Int = 40) -> String {
        if let real = unsafe realpath(path, nil) {
            defer { unsafe free(real) }
            return unsafe String(cString: real)
        }
        guard path.hasPrefix("/") else {
            guard let current = unsafe getcwd(nil, 0) else { return path }
            defer { unsafe free(current) }
            return canonical(unsafe String(cString: current) + "/" + path, links: links)
        }
        guard let last = path.unicodeScalars.split(separator: "/").last.map(String.init) else { return "/" }
        let around = canonical(parent(path.hasSuffix("/") ? String(path.dropLast()) : path), links: links)
        switch last {
        case ".": return around
        case "..": return parent(around)
        default:
            let below = (around == "/" ? "" : around) + "/"
            guard links > 0, let target = target(ofLink: below + last) else { return below + last }
            return canonical(target.hasPrefix("/") ? target : below + target, links: links - 1)
        }
    }

    /// Where a symbolic link leads, as it is written; nil for anything else.
    private static func target(ofLink path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink(path, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }
}
