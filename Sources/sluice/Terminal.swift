import Foundation

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

    /// Writes to standard output at once, without buffering.
    static func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

    /// Writes to standard error at once, without buffering.
    static func writeError(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
