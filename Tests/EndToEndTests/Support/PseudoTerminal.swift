import Foundation

/// A terminal on which everything has been typed already: what a program asks, it finds answered.
final class PseudoTerminal {
    struct NotOpened: Error {
        var step: String
        var number: Int32
    }

    /// `TIOCSPTLCK` and `TIOCGPTN` of Linux (ioctl_tty(2)), which Swift does not see; nor does it see `posix_openpt`.
    private static let setLock: UInt = 0x4004_5431
    private static let getNumber: UInt = 0x8004_5430

    /// Where a program opens it.
    let path: String
    private let master: Int32
    /// Held open, so that what was typed is not lost before the program begins.
    private let terminal: Int32

    /// A terminal with these lines typed, and then Ctrl-D.
    init(typing lines: [String]) throws {
        master = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var (locked, number) = (Int32(0), UInt32(0))
        guard master >= 0, unsafe ioctl(master, Self.setLock, &locked) == 0,
            unsafe ioctl(master, Self.getNumber, &number) == 0
        else { throw NotOpened(step: "/dev/ptmx", number: errno) }
        path = "/dev/pts/\(number)"
        terminal = unsafe open(path, O_RDWR | O_NOCTTY)
        guard terminal >= 0 else { throw NotOpened(step: path, number: errno) }
        // Nobody reads the echo.
        var settings = termios()
        unsafe tcgetattr(terminal, &settings)
        settings.c_lflag &= ~tcflag_t(ECHO)
        unsafe tcsetattr(terminal, TCSANOW, &settings)
        let typed = Array((lines.map { $0 + "\n" }.joined() + "\u{4}").utf8)
        guard unsafe write(master, typed, typed.count) == typed.count else {
            throw NotOpened(step: "write", number: errno)
        }
    }

    deinit {
        close(terminal)
        close(master)
    }
}
