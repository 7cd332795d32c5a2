import Glibc
import PipelineCore

/// A system call that failed on a path, told as a user understands it.
struct FileFailure {
    /// What was tried, to be read after "cannot": `write`, `create the folder`.
    var action: String
    var path: String
    var number: Int32

    /// The failure of the call that has just returned.
    static func last(_ action: String, _ path: String) -> FileFailure {
        FileFailure(action: action, path: path, number: errno)
    }

    var error: SinkError {
        let (reason, cure) = explanation
        return SinkError(
            .destination,
            "cannot \(action) \(path): \(reason); \(cure)",
            isTransient: [ESTALE, ETIMEDOUT, EAGAIN].contains(number)
        )
    }

    private var explanation: (reason: String, cure: String) {
        switch number {
        case ENOSPC: ("no space is left on the device", "free some there and run again, what was committed stays")
        case EDQUOT: ("the disk quota is used up", "free some space there and run again, what was committed stays")
        case EACCES, EPERM: ("permission is denied", "let this user write there, or choose another path")
        case EROFS: ("the file system is read-only", "choose another path, or mount it for writing")
        case ENOTDIR: ("a part of the path is a file, not a folder", "move that file away, or choose another path")
        case EISDIR: ("it is a folder", "end the path with / to load into the folder, or name a file in it")
        case ENOENT: ("it is not there", "check the path; something else may have removed it")
        case ENAMETOOLONG: ("the name is too long for the file system", "choose a shorter path")
        case EMFILE, ENFILE: ("too many files are open", "raise the limit (ulimit -n), or run fewer windows at once")
        case EXDEV: ("it is on another file system than the folder around it", "keep the destination on one")
        case EFBIG:
            ("the file is larger than the file system or the limit (ulimit -f) allows", "cut it in smaller files")
        case ELOOP: ("its symbolic links lead in a circle", "mend the links, or choose another path")
        case ENOLCK, EOPNOTSUPP: ("the file system has no locks", "choose another file system, or mount it with locks")
        case EPIPE: ("its reader has closed it", "keep the reading program running until the end")
        case EIO: ("the device reports an input/output error", "check the disk and the kernel's log")
        case ESTALE: ("the file server no longer knows it", "run again once the mount is back")
        default: (unsafe String(cString: strerror(number)), "check the path and the file system")
        }
    }
}
