import CMalloc

/// How the process gets its memory (mallopt(3)).
enum Memory {
    /// Lets large buffers go back to the system as soon as they are free.
    ///
    /// Left to itself, glibc takes the first of them to be freed as a reason to cut all others from heaps, which break
    /// up more and more with the number of windows. Batches and blocks are kept for reuse, so this costs no time.
    static func staysFlat() { mallopt(M_MMAP_THRESHOLD, 256 << 10) }
}
