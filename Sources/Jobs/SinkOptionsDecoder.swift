import Conversion
import PipelineCore

/// Decodes a sink's options from the node they were written in.
///
/// Keys nobody knows are found by the coding keys before anything is decoded; a value that does not fit is reported at
/// its own place. A number without quotes can be read as a text, and a text of digits as a number.
struct SinkOptionsDecoder: Decoder {
    let node: JobNode
    /// What error texts call the value.
    let name: String
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]

    /// Decodes the options of one entry of `into:`.
    ///
    /// - Throws: `JobFileError` with every key nobody knows, or with the first value that does not fit.
    static func decode<S: Sink>(_ entry: SinkEntry, for sink: S.Type) throws(JobFileError) -> S.Options {
        var mistakes =
            entry.isMap
            ? []
            : [
                JobMistake(
                    "'\(entry.kind)' must be a map of its options, not \(entry.options.shown)",
                    at: entry.location
                )
            ]
        let known = S.Options.CodingKeys.allCases.map(\.stringValue)
        var check = ShapeCheck()
        for member in entry.options.members where !known.contains(member.name) {
            check.unknown(member, in: entry.kind, known: known)
        }
        mistakes += check.mistakes
        guard mistakes.isEmpty else { throw JobFileError(mistakes) }
        let node = entry.options.isNull ? JobNode(.map([]), at: entry.location) : entry.options
        do {
            return try S.Options(from: SinkOptionsDecoder(node: node, name: entry.kind, codingPath: []))
        } catch let error as JobFileError {
            throw error
        } catch DecodingError.keyNotFound(let key, _) {
            throw JobFileError("\(entry.kind) has no '\(key.stringValue)'", at: entry.location)
        } catch DecodingError.dataCorrupted(let context) {
            let key = context.codingPath.last.map { "'\($0.stringValue)': " } ?? ""
            throw JobFileError(
                "\(entry.kind): \(key)\(context.debugDescription)",
                at: node.place(of: context.codingPath) ?? entry.location
            )
        } catch let error as SinkError {
            throw JobFileError("\(entry.kind): \(error.description)", at: entry.location)
        } catch {
            throw JobFileError("\(entry.kind): these options cannot be read", at: entry.location)
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .map = node.content else { throw mismatch("a map") }
        return KeyedDecodingContainer(NodeKeys(decoder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard let elements = node.elements else { throw mismatch("a list") }
        return NodeElements(decoder: self, elements: elements)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { NodeValue(decoder: self) }

    fileprivate func mismatch(_ expected: String, hint: String = "") -> JobFileError {
        JobFileError(
            "\(name.contains(" ") ? name : "'\(name)'") must be \(expected), not \(node.shown)\(hint)",
            at: node.location
        )
    }

    fileprivate func child(_ node: JobNode, _ key: some CodingKey) -> SinkOptionsDecoder {
        SinkOptionsDecoder(
            node: node,
            name: key.intValue == nil ? key.stringValue : "each of '\(name)'",
            codingPath: codingPath + [key]
        )
    }

    fileprivate func value<T: Decodable>(_ type: T.Type) throws -> T {
        if let words = type as? any (CaseIterable & RawRepresentable<String>).Type {
            try checkWord(words)
        }
        return try T(from: self)
    }

    /// Reports a word that is none of an enumeration's, where the enumeration would only say that it cannot be made.
    private func checkWord<Word: CaseIterable & RawRepresentable<String>>(_ type: Word.Type) throws {
        let words = Word.allCases.map(\.rawValue)
        guard let text = node.text, words.contains(text) else {
            let nearest = node.interpolated.isEmpty ? node.text.flatMap { NearestName.find($0, in: words) } : nil
            throw mismatch(words.quotedAlternatives, hint: nearest.map { "; did you mean '\($0)'?" } ?? "")
        }
    }
}

extension SinkEntry {
    fileprivate var isMap: Bool {
        if case .map = options.content { true } else { options.isNull }
    }
}

extension JobNode {
    /// Where the value at a coding path was written.
    fileprivate func place(of path: [any CodingKey]) -> JobLocation? {
        guard let key = path.first else { return location }
        let rest = Array(path.dropFirst())
        if let index = key.intValue, let elements, elements.indices.contains(index) {
            return elements[index].place(of: rest)
        }
        return self[key.stringValue]?.place(of: rest) ?? location
    }
}

/// A position in a list.
private struct Index: CodingKey {
    let intValue: Int?
    var stringValue: String { intValue.map(String.init) ?? "" }
    init(_ value: Int) { intValue = value }
    init(intValue: Int) { self.intValue = intValue }
    init?(stringValue: String) { return nil }
}

private struct NodeKeys<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: SinkOptionsDecoder
    var codingPath: [any CodingKey] { decoder.codingPath }
    var allKeys: [Key] { decoder.node.members.compactMap { Key(stringValue: $0.name) } }

    private func child(_ key: some CodingKey) throws -> SinkOptionsDecoder {
        guard let value = decoder.node.members.first(where: { $0.name == key.stringValue })?.value else {
            throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "no such key"))
        }
        return decoder.child(value, key)
    }

    func contains(_ key: Key) -> Bool { decoder.node.members.contains { $0.name == key.stringValue } }
    func decodeNil(forKey key: Key) throws -> Bool { try child(key).node.isNull }
    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try child(key).value(type) }
    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> { try child(key).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try child(key).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder { decoder }
    func superDecoder(forKey key: Key) throws -> any Decoder { try child(key) }
}

private struct NodeElements: UnkeyedDecodingContainer {
    let decoder: SinkOptionsDecoder
    let elements: [JobNode]
    private(set) var currentIndex = 0
    var codingPath: [any CodingKey] { decoder.codingPath }
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex == elements.count }

    init(decoder: SinkOptionsDecoder, elements: [JobNode]) {
        self.decoder = decoder
        self.elements = elements
    }

    private mutating func next() throws -> SinkOptionsDecoder {
        guard !isAtEnd else {
            throw DecodingError.dataCorrupted(.init(codingPath: codingPath, debugDescription: "a value is missing"))
        }
        defer { currentIndex += 1 }
        return decoder.child(elements[currentIndex], Index(currentIndex))
    }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd, elements[currentIndex].isNull else { return false }
        currentIndex += 1
        return true
    }
    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try next().value(type) }
    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> { try next().container(keyedBy: type) }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
    mutating func superDecoder() throws -> any Decoder { try next() }
}

private struct NodeValue: SingleValueDecodingContainer {
    let decoder: SinkOptionsDecoder
    var codingPath: [any CodingKey] { decoder.codingPath }

    func decodeNil() -> Bool { decoder.node.isNull }

    func decode(_ type: Bool.Type) throws -> Bool {
        guard let value = decoder.node.bool else { throw decoder.mismatch("true or false") }
        return value
    }
    func decode(_ type: String.Type) throws -> String {
        guard let text = decoder.node.text else { throw decoder.mismatch("a text") }
        return text
    }
    func decode(_ type: Double.Type) throws -> Double { try number { Double($0) } }
    func decode(_ type: Float.Type) throws -> Float { try number { Float($0) } }
    func decode(_ type: Int.Type) throws -> Int { try wholeNumber() }
    func decode(_ type: Int8.Type) throws -> Int8 { try wholeNumber() }
    func decode(_ type: Int16.Type) throws -> Int16 { try wholeNumber() }
    func decode(_ type: Int32.Type) throws -> Int32 { try wholeNumber() }
    func decode(_ type: Int64.Type) throws -> Int64 { try wholeNumber() }
    func decode(_ type: UInt.Type) throws -> UInt { try wholeNumber() }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try wholeNumber() }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try wholeNumber() }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try wholeNumber() }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try wholeNumber() }
    func decode<T: Decodable>(_ type: T.Type) throws -> T { try decoder.value(type) }

    private func wholeNumber<T: FixedWidthInteger>() throws -> T {
        guard let value = decoder.node.text.flatMap({ T($0) }) else { throw decoder.mismatch("a whole number") }
        return value
    }
    private func number<T: BinaryFloatingPoint>(_ read: (String) -> T?) throws -> T {
        guard let value = decoder.node.text.flatMap(read), value.isFinite else { throw decoder.mismatch("a number") }
        return value
    }
}
