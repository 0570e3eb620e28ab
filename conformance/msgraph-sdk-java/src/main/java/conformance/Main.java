package conformance;

import java.nio.file.Files;

/** Runs the checks of the suite; see README.md of conformance/. */
final class Main {
    private Main() {}

    public static void main(String[] args) throws Exception {
        var checks = new Checks();
        try (var suite = Suite.start(Files.createTempDirectory("java"))) {
            checks.group("tokens", new Tokens(suite));
            var connectors = new Connectors(suite);
            checks.group("founding examples", connectors::foundingExamples);
            checks.group("life of a connector", connectors::life);
            checks.group("reading", new Reading(suite));
            checks.group("writing", new Writing(suite));
            checks.group("user flows", new UserFlows(suite));
            checks.group("batch", new Batch(suite));
            checks.group("errors", new Errors(suite));
            var faults = new Faults(suite);
            checks.group("faults on the way", faults);
            checks.group("throttling", faults::throttling);
        }
        // Threads of the clients' connection pools would keep the program alive for a minute.
        System.exit(checks.failed() ? 1 : 0);
    }
}
