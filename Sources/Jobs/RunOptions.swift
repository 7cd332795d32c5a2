/// What a user asked of one run of a job.
package struct RunOptions: Sendable {
    /// The exports to run; empty for all.
    package var exports: [String] = []
    /// Which windows to run, and again; the windows themselves stay whole.
    package var plan = PlanOptions()
    /// Whether a load may have fewer rows than before, or none.
    package var allowShrink = false
    /// Whether to wait for a lease that another run holds.
    package var waits = false
    /// After so many minutes no further window begins; nil for no limit.
    package var maxMinutes: Double?
    /// Whether a file that exists stays, and the run fails instead.
    package var keepsExisting = false

    package init() {}
}
