#if Postgres
public import PipelineCore

extension PostgresSink {
    /// What a job file may write under `postgres`.
    public struct Options: SinkOptions, Hashable {
        /// The keys a user may write.
        public enum CodingKeys: String, CodingKey, CaseIterable {
            case url, table, mode, key, vanished, ledger, adopt, existing, grants, connections
        }

        /// What becomes of the rows that stood in an adopted table before.
        public enum Existing: String, Hashable, Sendable, Decodable, CaseIterable {
            /// They stay, beside the rows that are loaded.
            case keep
            /// The first window that commits takes their place.
            case replace
        }

        /// What `merge` does with rows that a window loaded before and no longer holds.
        public enum Vanished: String, Hashable, Sendable, Decodable, CaseIterable {
            /// They are deleted.
            case delete
            /// They stay as they are.
            case keep
        }

        /// The system columns (PostgreSQL, "System Columns"), which every table has already.
        public static let reservedColumns: Set<String> = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"]

        /// How many connections load at once unless the options say otherwise.
        public static let defaultConnections = 4

        /// A connection string as libpq takes it, a URL or `key=value` pairs; empty to leave all to the environment.
        public var url: String
        /// The table, `schema.name`; without a schema the first of the `search_path`.
        public var table: String
        /// How a window's rows meet older rows.
        public var mode: LoadMode
        /// The columns that identify a row in `merge`; empty for the query's dimensions.
        public var key: [String]
        /// What `merge` does with rows that a window no longer holds.
        public var vanished: Vanished
        /// The schema of the ledger.
        public var ledger: String
        /// Whether a table that sluice did not make may be loaded into.
        public var adopt: Bool
        /// What becomes of the rows of such a table; nil refuses it where it holds any.
        public var existing: Existing?
        /// The roles that may read a table made by sluice.
        public var readers: [String]
        /// How many windows load at once, each on a connection of its own, at least 1.
        public var connections: Int

        /// Options with the defaults for what is left out.
        public init(
            url: String = "",
            table: String,
            mode: LoadMode = .replaceWindow,
            key: [String] = [],
            vanished: Vanished = .delete,
            ledger: String = "sluice",
            adopt: Bool = false,
            existing: Existing? = nil,
            readers: [String] = [],
            connections: Int = Options.defaultConnections
        ) {
            self.url = url
            self.table = table
            self.mode = mode
            self.key = key
            self.vanished = vanished
            self.ledger = ledger
            self.adopt = adopt
            self.existing = existing
            self.readers = readers
            self.connections = connections
        }

        /// Decodes what a job file writes; a list may be written as one text with commas.
        ///
        /// - Throws: `DecodingError` at the key that is wrong.
        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            func wrong(_ key: CodingKeys, _ text: String) -> DecodingError {
                DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: text)
            }
            self.init(
                url: try container.decodeIfPresent(String.self, forKey: .url) ?? "",
                table: try container.decode(String.self, forKey: .table)
            )
            mode = try container.decodeIfPresent(LoadMode.self, forKey: .mode) ?? mode
            key = try container.decodeIfPresent(NameList.self, forKey: .key)?.names ?? []
            let vanished = try container.decodeIfPresent(Vanished.self, forKey: .vanished)
            ledger = try container.decodeIfPresent(String.self, forKey: .ledger) ?? ledger
            adopt = try container.decodeIfPresent(Bool.self, forKey: .adopt) ?? adopt
            existing = try container.decodeIfPresent(Existing.self, forKey: .existing)
            readers = try container.decodeIfPresent(Grants.self, forKey: .grants)?.select.names ?? []
            connections = try container.decodeIfPresent(Int.self, forKey: .connections) ?? connections
            do throws(WrittenTableName.Mistake) { _ = try WrittenTableName(table) } catch {
                throw wrong(.table, error.description)
            }
            if mode != .merge {
                guard key.isEmpty else { throw wrong(.key, "a key is for mode: merge; leave it out") }
                guard vanished == nil else { throw wrong(.vanished, "vanished is for mode: merge; leave it out") }
            }
            self.vanished = vanished ?? .delete
            guard Set(key).count == key.count else { throw wrong(.key, "a column stands in the key twice") }
            guard (1...63).contains(ledger.utf8.count), !ledger.utf8.contains(0) else {
                throw wrong(.ledger, "expected the name of a schema, 1 to 63 bytes")
            }
            guard adopt || existing == nil else {
                throw wrong(.existing, "existing is for tables that are adopted; write adopt: true as well")
            }
            guard (1...64).contains(connections) else {
                throw wrong(.connections, "expected a number from 1 to 64")
            }
        }

        /// The value of `grants`.
        private struct Grants: Decodable {
            var select: NameList

            private struct Key: CodingKey {
                let stringValue: String
                var intValue: Int? { nil }
                init(stringValue: String) { self.stringValue = stringValue }
                init?(intValue: Int) { return nil }
            }

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Key.self)
                if let other = container.allKeys.first(where: { $0.stringValue != "select" }) {
                    throw DecodingError.dataCorruptedError(
                        forKey: other,
                        in: container,
                        debugDescription: "grants knows 'select' alone, not '\(other.stringValue)'"
                    )
                }
                select = try container.decode(NameList.self, forKey: Key(stringValue: "select"))
            }
        }

        /// Names as a list, or as one text with commas.
        private struct NameList: Decodable {
            var names: [String]

            init(from decoder: any Decoder) throws {
                if let text = try? decoder.singleValueContainer().decode(String.self) {
                    let parts = text.split(separator: ",").map { part in
                        String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
                    }
                    names = parts.filter { !$0.isEmpty }
                } else {
                    var container = try decoder.unkeyedContainer()
                    names = []
                    while !container.isAtEnd { names.append(try container.decode(String.self)) }
                }
            }
        }
    }
}
#endif
