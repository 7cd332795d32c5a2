import ArgumentParser
import CSVSink
import Jobs
import Logging
import NDJSONSink
import Sandbox
import SupermetricsAPI

@main struct Sluice: AsyncParsableCommand {
    @concurrent func run() async throws { print("sluice") }
}
