import Conversion
import Crypto
import SupermetricsAPI

extension Export {
    /// What decides the rows of its windows, each part in a canonical form.
    ///
    /// Keys of `hash` stages are in it as a digest only. The order of keys counts nowhere but in `derive`, where an
    /// expression may use the column before it.
    package var fingerprint: Fingerprint {
        var query = query.withoutDates
        if window.perAccount { query["ds_accounts"] = nil }
        var keys = LengthPrefixedBytes()
        let stages = stages.map { entry -> JSONValue in
            var argument = entry.argument.json
            if entry.name == "hash", var object = argument.objectValue, let key = object["key"] {
                keys.append(key.serialized)
                object["key"] = nil
                argument = .object(object)
            }
            let isOrdered = entry.name == "derive"
            return .object([entry.name: isOrdered ? argument : argument.canonical])
        }
        return Fingerprint(
            query: JSONValue.object(query.canonical).serialized,
            stages: stages.isEmpty ? [] : JSONValue.array(stages).serialized,
            columns: columns == .keep ? Array("keep".utf8) : [],
            contract: contract.map { JSONValue.object($0.canonical).serialized } ?? [],
            hashKeys: keys.bytes.isEmpty ? [] : Array(SHA256.hash(data: keys.bytes))
        )
    }
}
