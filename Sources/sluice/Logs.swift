import Foundation
import Logging

/// Sets up the log: one line per message on standard error, as text or JSON.
enum Logs {
    /// How a line is written.
    enum Format: String, CaseIterable, Sendable { case text, json }

    static func make(level: Logger.Level, format: Format) -> Logger {
        Logger(label: "sluice") { _ in LineHandler(logLevel: level, format: format) }
    }

    /// Writes each message as one line.
    private struct LineHandler: LogHandler {
        var logLevel: Logger.Level
        var metadata: Logger.Metadata = [:]
        let format: Format

        init(logLevel: Logger.Level, format: Format) {
            self.logLevel = logLevel
            self.format = format
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = metadata.merging(event.metadata ?? [:]) { _, new in new }.sorted { $0.key < $1.key }
            let time = Date.now.formatted(.iso8601)
            Terminal.writeError(
                format == .text
                    ? text(time, event.level, "\(event.message)", fields)
                    : json(time, event.level, "\(event.message)", fields)
            )
        }

        private func text(
            _ time: String,
            _ level: Logger.Level,
            _ message: String,
            _ fields: [(key: String, value: Logger.MetadataValue)]
        ) -> String {
            let rest = fields.map { " \($0.key)=\($0.value)" }.joined()
            return "\(time) \(level.rawValue) \(message)\(rest)\n"
        }

        private func json(
            _ time: String,
            _ level: Logger.Level,
            _ message: String,
            _ fields: [(key: String, value: Logger.MetadataValue)]
        ) -> String {
            var members = [("time", time), ("level", level.rawValue), ("message", message)]
            members += fields.map { ($0.key, "\($0.value)") }
            let encoder = JSONEncoder()
            encoder.outputFormatting = .withoutEscapingSlashes
            func quoted(_ text: String) -> String {
                (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
            }
            return "{" + members.map { "\(quoted($0.0)):\(quoted($0.1))" }.joined(separator: ",") + "}\n"
        }
    }
}
