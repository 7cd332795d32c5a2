import Foundation
import Glibc
import Synchronization

/// What sluice knows of the terminal it runs on.
enum Terminal {
    /// Whether standard error is a terminal, where progress can be drawn.
    static var hasErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Whether standard output is a terminal.
    static var hasOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Whether standard input is a terminal, where somebody may answer.
    static var hasInputTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Columns of the terminal on standard error; 100 where it does not say.
    static var width: Int {
        var size = winsize()
        let answered = unsafe withUnsafeMutablePointer(to: &size) { size in
            unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), size)
        }
        return answered == 0 && size.ws_col > 20 ? Int(size.ws_col) : 100
    }

    /// Ends the process, with standard output written out.
    static func exit(_ code: Int32) -> Never { Foundation.exit(code) }

    /// Takes the places of the standard streams that the caller left closed, so that no other file gets one of them and
    /// with it what is said: what is read is empty, what is written to standard output fails, errors go nowhere.
    static func fillStandardStreams() {
        for (file, mode) in [(STDIN_FILENO, O_RDONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)] {
            // The lowest free number is given out, and those below are taken.
            if fcntl(file, F_GETFD) < 0, errno == EBADF { _ = unsafe open("/dev/null", mode) }
        }
    }

    /// Writes what a command was asked for to standard output at once, without buffering.
    ///
    /// Ends the process, as SIGPIPE does, where the reader has gone; what else goes wrong is in `lostOutput`.
    static func write(_ text: String) {
        let number = send(text, to: STDOUT_FILENO)
        if number == EPIPE {
            signal(SIGPIPE, SIG_DFL)
            raise(SIGPIPE)
        }
        if number != 0 { outputError.withLock { $0 = $0 ?? number } }
    }

    /// Writes what is said beside a command's work to standard output; it is lost where nobody takes it.
    static func writeRemark(_ text: String) { _ = send(text, to: STDOUT_FILENO) }

    /// Writes to standard error at once, without buffering; it is lost where nobody takes it.
    static func writeError(_ text: String) { _ = send(text, to: STDERR_FILENO) }

    /// Why a part of what `write` was given is lost; nil where nothing is.
    static var lostOutput: String? {
        outputError.withLock { $0 }.map { "cannot write standard output: \(unsafe String(cString: strerror($0)))" }
    }

    private static let outputError = Mutex<Int32?>(nil)

    /// Writes all of a text.
    ///
    /// - Returns: The number of the error that ended it; 0 where none did.
    private static func send(_ text: String, to file: Int32) -> Int32 {
        var text = text
        return text.withUTF8 { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            var sent = 0
            while sent < bytes.count {
                let count = unsafe Glibc.write(file, start + sent, bytes.count - sent)
                guard count < 0 else {
                    sent += count
                    continue
                }
                switch errno {
                case EINTR: continue
                case EAGAIN:
                    var waiting = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
                    _ = unsafe poll(&waiting, 1, -1)
                default: return errno
                }
            }
            return 0
        }
    }
}
