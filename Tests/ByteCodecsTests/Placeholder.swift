// ByteCodecs
