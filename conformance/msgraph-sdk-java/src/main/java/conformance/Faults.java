package conformance;

import static conformance.Checks.equal;
import static conformance.Checks.require;
import static conformance.Checks.thrown;
import static conformance.Suite.header;
import static conformance.Suite.wantError;

import com.microsoft.graph.models.odataerrors.ODataError;
import com.microsoft.kiota.http.middleware.options.RetryHandlerOption;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** What goes wrong between client and server, made by the relay, and the limit that Microsoft documents for this family. */
record Faults(Suite suite) implements Checks.Group {
    /** Requests a minute per application and tenant. */
    private static final int LIMIT = 200;

    @Override
    public void run(Checks.Check check) {
        var connectors = Suite.connect(suite.relay.url(), suite.credential).identity().apiConnectors();
        for (int status : new int[] {503, 429}) {
            check.that(status + " with Retry-After: the client waits, then succeeds", () -> {
                suite.relay.inject(Map.of("status", status, "retryAfter", 1, "times", 1));
                var created = connectors.post(Suite.basicConnector("after " + status, Suite.LIFE_URL));
                suite.item(created.getId()).delete();
                equal(sent(), List.of(Arrays.asList(status, null), List.of(201, "1")), "what was sent");
                var seen = suite.relay.seen();
                var waited = seen.get(1).at() - seen.get(0).at();
                require(waited >= 1000, "it waited " + waited + " ms, want 1000");
            });
        }
        check.that("503 for ever: the client gives up with its own error", () -> {
            // Not 0: after that OkHttp would ask once more by itself.
            suite.relay.inject(Map.of("status", 503, "retryAfter", 1, "times", 2));
            var failure = thrown(ODataError.class, () -> connectors.get(configuration -> configuration.options = List.of(retries(1))));
            equal(failure.getResponseStatusCode() + " " + failure.getError().getCode(), "503 ServiceUnavailable", "the error");
            equal(sent(), List.of(Arrays.asList(503, null), List.of(503, "1")), "what was sent");
        });
        check.that("a redirect to another host does not take the token along", () -> {
            var relay = URI.create(suite.relay.url());
            // The same relay, under another name.
            suite.relay.inject(Map.of("redirect", "https://127.0.0.1:" + relay.getPort() + "/v1.0/identity/apiConnectors"));
            wantError(401, "InvalidAuthenticationToken", connectors::get);
            var arrived = suite.relay.seen().stream().map(seen -> seen.host().split(":")[0] + " " + (seen.header("Authorization") != null)).toList();
            equal(arrived, List.of("localhost true", "127.0.0.1 false"), "where what arrived, and whether with a token,");
        });
        check.that("a redirect to a host that does not exist fails", () -> {
            suite.relay.inject(Map.of("redirect", "https://nowhere.invalid/v1.0/identity/apiConnectors"));
            var failure = thrown(RuntimeException.class, connectors::get);
            require(failure.getCause() instanceof UnknownHostException, "the cause is " + failure.getCause());
            equal(failure.getCause().getMessage().split(":")[0], "nowhere.invalid", "the host");
        });
    }

    void throttling(Checks.Check check) {
        check.that("429 after " + LIMIT + " requests in a minute, with Retry-After", () -> {
            var credential = Suite.secretCredential(suite.throttled, suite.throttled.developer());
            var connectors = Suite.connect(suite.throttled.url(), credential).identity().apiConnectors();
            Checks.Body get = () -> connectors.get(configuration -> {
                configuration.queryParameters.top = 1;
                configuration.queryParameters.select = new String[] {"id"};
                configuration.options = List.of(retries(0)); // otherwise the client waits as long as Retry-After says
            });
            for (int n = 0; n < LIMIT; n++) {
                get.run();
            }
            var headers = wantError(429, "TooManyRequests", get).getResponseHeaders();
            int seconds = Integer.parseInt(header(headers, "Retry-After"));
            // A minute, and the second in which the first request of it was made.
            require(seconds >= 1 && seconds <= 61, "Retry-After is " + seconds);
            require(header(headers, "x-ms-throttle-scope").startsWith("Tenant_Application/"), "x-ms-throttle-scope is " + header(headers, "x-ms-throttle-scope"));
        });
    }

    private static RetryHandlerOption retries(int most) {
        return new RetryHandlerOption((delay, attempt, request, response) -> most > 0, most, 0);
    }

    /** How each request was answered, and the count of repetitions in it. */
    private List<List<Object>> sent() throws Exception {
        return suite.relay.seen().stream().map(seen -> Arrays.<Object>asList(seen.status(), seen.header("Retry-Attempt"))).toList();
    }
}
