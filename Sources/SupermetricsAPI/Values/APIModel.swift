/// A value read from an answer.
///
/// Models read leniently: members nobody knows are kept in ``json``, and optional ones may be absent or null, which
/// ``json`` tells apart (`json["start_time"]` is nil or `.null`). Only what identifies a thing must be there.
public protocol APIModel: Sendable, Hashable {
    /// The object as the API wrote it, under its own names.
    var json: JSONObject { get }

    /// Reads an object of the API.
    ///
    /// - Parameter json: the object as the API writes it.
    /// - Throws: ``ModelError`` when a member without which the value means nothing is missing.
    init(json: JSONObject) throws(ModelError)
}

/// What an answer lacks; it names a member, never a value.
public struct ModelError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is missing, or is not what it should be.
    public let reason: String

    /// The same as ``reason``.
    public var description: String { reason }
}

extension APIModel {
    static func each(of objects: [JSONObject]) throws(ModelError) -> [Self] {
        var models: [Self] = []
        models.reserveCapacity(objects.count)
        for object in objects { models.append(try Self(json: object)) }
        return models
    }
}

extension JSONObject {
    /// The text of a member, or the digits of one that is a number.
    func text(_ name: String) -> String? {
        self[name]?.textValue
    }

    /// The first text among members of different names, by which the API calls the same thing.
    func text(_ names: String...) -> String? {
        names.lazy.compactMap { self[$0]?.textValue }.first
    }

    func int(_ name: String) -> Int? {
        self[name]?.intValue
    }

    /// A truth value, also where it is written as text or as 0 and 1.
    func bool(_ name: String) -> Bool? {
        self[name]?.boolValue ?? text(name).flatMap { ["true": true, "1": true, "false": false, "0": false][$0] }
    }

    func time(_ name: String) -> APITime? {
        text(name).flatMap { $0.isEmpty ? nil : APITime($0) }
    }

    func texts(_ name: String) -> [String] {
        (self[name]?["items"] ?? self[name])?.arrayValue?.compactMap(\.textValue) ?? []
    }

    func word<Word: OpenWord>(_ name: String) -> Word? {
        text(name).map { Word(rawValue: $0) }
    }

    func requiredText(_ names: String...) throws(ModelError) -> String {
        guard let text = names.lazy.compactMap({ self[$0]?.textValue }).first else {
            throw ModelError(reason: "\(names[0]) is missing or no text")
        }
        return text
    }

    func requiredInt(_ names: String...) throws(ModelError) -> Int {
        guard let number = names.lazy.compactMap({ self[$0]?.intValue }).first else {
            throw ModelError(reason: "\(names[0]) is missing or no whole number")
        }
        return number
    }

    func requiredDay(_ name: String) throws(ModelError) -> CalendarDay {
        guard let day = text(name).flatMap({ CalendarDay(String($0.prefix(10))) }) else {
            throw ModelError(reason: "\(name) is missing or no date")
        }
        return day
    }

    /// The model of a member; nil where it is absent or null.
    func model<Model: APIModel>(_ name: String) throws(ModelError) -> Model? {
        guard let value = self[name], !value.isNull else { return nil }
        guard let object = value.objectValue else { throw ModelError(reason: "\(name) is no object") }
        return try Model(json: object)
    }

    /// The models of a list that may be absent, null, or wrapped as `{"items": […]}`.
    func list<Model: APIModel>(_ name: String) throws(ModelError) -> [Model] {
        let list = self[name]?["items"] ?? self[name] ?? .null
        if list.isNull { return [] }
        guard let elements = list.arrayValue else { throw ModelError(reason: "\(name) is no list") }
        var objects: [JSONObject] = []
        for element in elements {
            guard let object = element.objectValue else {
                throw ModelError(reason: "\(name) holds something else than objects")
            }
            objects.append(object)
        }
        return try Model.each(of: objects)
    }
}
