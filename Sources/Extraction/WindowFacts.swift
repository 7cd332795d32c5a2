package import PipelineCore

/// What is known of a window's rows once all have been read.
package struct WindowFacts: Hashable, Sendable {
    /// Rows the API announced, header rows not counted; those that arrived where it announced none.
    package var announced = 0
    /// Rows that arrived, bad ones included.
    package var received = 0
    /// The API's ids of the answers that described the rows.
    package var requestIDs: [String] = []
    /// The handles of the queries whose rows these are.
    package var scheduleIDs: [String] = []
    /// Whether the API said of any of them that its rows are sampled.
    package var isSampled = false
    /// The oldest cache that answered; nil where none did.
    package var cacheTime: Timestamp?
    /// When the oldest of the rows was asked for, or the cache's time.
    package var fetchedAt: Timestamp
    /// Things a person should know although the rows are believed.
    package var warnings: [String] = []
}
