import Conversion
import Foundation
import PipelineCore
import TestSupport
import Testing

@Suite struct HostileValueTests {
    private static let types = [
        "text", "decimal", "decimal(18,6)", "int64", "double", "bool", "date", "timestamp", "json",
    ]

    @Test("Whatever the bytes are, a cell is converted or its row rejected, and its neighbours stay", arguments: types)
    func anyBytes(type: String) throws {
        var random = SeededRandom(seed: 3)
        var rules: Set<String> = []
        let alphabet = Array("0123456789-+.eE:T \"\\{}[],truefalsnyo\u{0}\n٣é🙂")
        for _ in 0..<3000 {
            let text = String(
                (0..<Int.random(in: 0...24, using: &random)).compactMap { _ in
                    alphabet.randomElement(using: &random)
                }
            )
            // `cast` itself checks the neighbours, the row number and the column.
            switch try CastTests.cast(.raw(text), to: type) {
            case .success(let value): #expect(value.parts.0 == .null || value.parts.1.utf8.count > 0 || type == "text")
            case .failure(let broken): rules.insert(broken.rule)
            }
        }
        // A rule that held something of the value would be another one each time.
        #expect(rules.count <= 3)
    }

    @Test("Exactly the days of the calendar are dates")
    func days() throws {
        var random = SeededRandom(seed: 5)
        var found = 0
        for _ in 0..<8000 {
            let year = Int.random(in: 0...30, using: &random) + (Bool.random(using: &random) ? 1990 : 0)
            let (month, day) = (Int.random(in: 0...14, using: &random), Int.random(in: 0...33, using: &random))
            var text = Array(String(format: "%04d-%02d-%02d", year, month, day).utf8)
            if Int.random(in: 0..<10, using: &random) == 0 {
                text[Int.random(in: 0..<10, using: &random)] = UInt8.random(in: 0x20..<0x7F, using: &random)
            }
            let string = String(decoding: text, as: UTF8.self)
            let result = try? CastTests.cast(.raw(string), to: "date").get()
            #expect(result == Day(string).map { .text($0.description) }, "\(string)")
            found += result == nil ? 0 : 1
        }
        #expect(found > 2000)
    }

    @Test("Exactly what is JSON is JSON")
    func json() throws {
        var random = SeededRandom(seed: 8)
        let pieces = [
            "[", "]", "{", "}", ",", ":", "\"a\"", "\"\\n\"", "\"", "\\", "1", "0", "-", ".", "5", "e", "+", "true",
            "false",
            "null", " ", "\n", "é", "\"\\u00e9\"",
        ]
        var valid = 0
        func check(_ text: String) throws {
            let reference = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
            let result = try CastTests.cast(.raw(text), to: "json")
            #expect((reference != nil) == ((try? result.get()) != nil), "\(text)")
            valid += reference == nil ? 0 : 1
        }
        for _ in 0..<4000 {
            let count = Int.random(in: 1...7, using: &random)
            try check((0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }.joined())
        }
        // Valid documents, and the same with one character changed.
        let document = #"{"a":[1,-2.5e3,{"b":"x\"y"}],"c":null,"d":[[],{}],"é":true}"#
        try check(document)
        for index in document.indices {
            for character in "[]{},:\"\\0-e x" {
                try check(document.replacingCharacters(in: index...index, with: String(character)))
            }
        }
        #expect(valid > 300)
    }
}
