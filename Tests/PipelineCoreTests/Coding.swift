import Foundation

/// The string a value is encoded as.
func codedText(_ value: some Encodable) throws -> String {
    try JSONDecoder().decode(String.self, from: JSONEncoder().encode(value))
}

/// The value that is decoded from a string.
func decoded<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    try JSONDecoder().decode(type, from: JSONEncoder().encode(text))
}
