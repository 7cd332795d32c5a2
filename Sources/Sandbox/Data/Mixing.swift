/// Mixes two words into one that looks random: the finaliser of splitmix64 over their sum.
@inline(__always)
func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
    var word = left &+ right &* 0x9E37_79B9_7F4A_7C15 &+ 0x9E37_79B9_7F4A_7C15
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
}

/// A 64-bit digest of a text, the same on every machine (FNV-1a, then mixed).
func digest(_ text: String) -> UInt64 {
    var word: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.utf8 { word = (word ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return mix(word, 0)
}
