import Synchronization

/// A place in the life of a load at which a test may stop the process.
///
/// Sinks and the runner pass their points by name; without a hook, passing one does nothing.
public enum FaultPoint {
    private static let hook = Mutex<(@Sendable (String) -> Void)?>(nil)

    /// Sets what happens at every point; nil for nothing.
    public static func install(_ action: (@Sendable (String) -> Void)?) { hook.withLock { $0 = action } }

    /// Passes the point `name`; called once per window or less often, never per row.
    public static func pass(_ name: String) {
        if let action = hook.withLock({ $0 }) { action(name) }
    }
}
