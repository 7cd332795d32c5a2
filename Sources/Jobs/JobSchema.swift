package import PipelineCore
import SupermetricsAPI

/// The JSON Schema of the job file, for editors.
package enum JobSchema {
    /// The schema as indented JSON text, made of the tables the linter reads.
    ///
    /// - Parameter sinks: The kinds of destinations, whose options are listed.
    /// - Returns: The text, ended by a line break.
    package static func json(sinks: [any Sink.Type]) -> String {
        var schema: JSONObject = [
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "sluice job file",
        ]
        for member in body(.object(JobFormat.job), sinks).members { schema[member.name] = member.value }
        schema["$defs"] = [
            "reference": [
                "description": "A value from the environment or a secret file.",
                "type": "string", "pattern": #"\$\{"#,
            ]
        ]
        return JSONValue.object(schema).indented() + "\n"
    }

    private static let reference: JSONValue = ["$ref": "#/$defs/reference"]

    private static func body(_ shape: Shape, _ sinks: [any Sink.Type]) -> JSONObject {
        switch shape {
        case .any: return [:]
        case .text: return ["type": ["string", "number", "boolean"]]
        case .word(let words): return ["anyOf": [["enum": .array(words.map { .string($0) })], reference]]
        case .bool: return ["anyOf": [["type": "boolean"], reference]]
        case .whole(let range):
            let number: JSONValue = [
                "type": "integer", "minimum": .number(JSONNumber(range.lowerBound)),
                "maximum": .number(JSONNumber(range.upperBound)),
            ]
            return ["anyOf": [number, reference]]
        case .positive: return ["anyOf": [["type": "number", "exclusiveMinimum": 0], reference]]
        case .notation(let notation):
            return ["type": ["string", "number"], "pattern": .string(notation.pattern + #"|\$\{"#)]
        case .list(of: let element, let nonEmpty):
            var list: JSONObject = ["type": "array", "items": .object(body(element, sinks))]
            if nonEmpty { list["minItems"] = 1 }
            return list
        case .map(of: let value): return ["type": "object", "additionalProperties": .object(body(value, sinks))]
        case .object(let object): return properties(object.fields, sinks)
        case .oneKey(let fields): return oneKey(properties(fields, sinks))
        case .either(let shapes): return ["anyOf": .array(shapes.map { .object(body($0, sinks)) })]
        case .destination:
            let kinds = sinks.map { JSONObject.Member(name: $0.kind, value: .object(options(of: $0))) }
            return oneKey([
                "type": "object", "properties": .object(JSONObject(kinds)), "additionalProperties": false,
            ])
        }
    }

    private static func properties(_ fields: [Field], _ sinks: [any Sink.Type]) -> JSONObject {
        let allowed = fields.filter { $0.refusal == nil }
        let members = allowed.map { field in
            var value: JSONObject = ["description": .string(field.summary)]
            for member in body(field.shape, sinks).members { value[member.name] = member.value }
            if field.shape.mayBeLeftEmpty, !field.isRequired, let type = value["type"] {
                value["type"] = [type, "null"]
            }
            return JSONObject.Member(name: field.name, value: .object(value))
        }
        var object: JSONObject = ["type": "object", "properties": .object(JSONObject(members))]
        let required = allowed.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { object["required"] = .array(required) }
        object["additionalProperties"] = false
        return object
    }

    private static func oneKey(_ properties: JSONObject) -> JSONObject {
        var object = properties
        object["minProperties"] = 1
        object["maxProperties"] = 1
        return object
    }

    private static func options<S: Sink>(of sink: S.Type) -> JSONObject {
        let members = S.Options.CodingKeys.allCases.map { key in
            JSONObject.Member(name: key.stringValue, value: [:])
        }
        return ["type": "object", "properties": .object(JSONObject(members)), "additionalProperties": false]
    }
}

extension JSONValue {
    /// Two spaces per level; a list or object without lists and objects inside stands on one line.
    fileprivate func indented(_ level: Int = 0) -> String {
        let (open, close, parts): (String, String, [(key: String?, value: JSONValue)])
        switch self {
        case .array(let elements): (open, close, parts) = ("[", "]", elements.map { (nil, $0) })
        case .object(let object): (open, close, parts) = ("{", "}", object.members.map { ($0.name, $0.value) })
        default: return description
        }
        let isFlat = parts.allSatisfy { ($0.value.arrayValue ?? []).isEmpty && $0.value.objectValue == nil }
        let texts = parts.map { part in
            (part.key.map { JSONValue.string($0).description + ": " } ?? "") + part.value.indented(level + 1)
        }
        guard !isFlat else { return open + texts.joined(separator: ", ") + close }
        let indentation = String(repeating: "  ", count: level)
        return "\(open)\n" + texts.map { "\(indentation)  \($0)" }.joined(separator: ",\n") + "\n\(indentation)\(close)"
    }
}
