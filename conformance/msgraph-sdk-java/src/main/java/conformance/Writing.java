package conformance;

import static conformance.Checks.equal;
import static conformance.Checks.require;
import static conformance.Suite.header;
import static conformance.Suite.named;
import static conformance.Suite.wantBasic;
import static conformance.Suite.wantError;

import com.microsoft.graph.models.IdentityApiConnector;
import com.microsoft.kiota.http.middleware.options.HeadersInspectionOption;
import java.util.List;

/** What surrounds a write: what the SDK sends back of what it read, and the headers. */
record Writing(Suite suite) implements Checks.Group {
    @Override
    public void run(Checks.Check check) {
        writingBack(check);
        preconditions(check);
        headers(check);
    }

    private void writingBack(Checks.Check check) {
        check.that("GET, then PATCH of that very object", () -> {
            var id = suite.create("read and written");
            var read = suite.item(id).get();
            suite.item(id).patch(read);
            wantBasic(suite.item(id).get(), "read and written", "user of read and written");
            read.setDisplayName("read, changed and written");
            suite.item(id).patch(read);
            wantBasic(suite.item(id).get(), "read, changed and written", "user of read and written");
        });
        check.that("PATCH of nothing", () -> {
            var id = suite.create("left alone");
            suite.item(id).patch(new IdentityApiConnector());
            wantBasic(suite.item(id).get(), "left alone", "user of left alone");
        });
    }

    private void preconditions(Checks.Check check) {
        check.that("If-Match with the ETag that was read", () -> {
            var id = suite.create("matched");
            var etag = etag(id);
            suite.item(id).patch(named("matched once"), configuration -> configuration.headers.add("If-Match", etag));
            equal(suite.item(id).get().getDisplayName(), "matched once", "displayName");
        });
        check.that("If-Match with an ETag that is no longer so answers 412", () -> {
            var id = suite.create("moved on");
            var etag = etag(id);
            suite.item(id).patch(named("moved"));
            wantError(412, "PreconditionFailed", () ->
                    suite.item(id).patch(named("too late"), configuration -> configuration.headers.add("If-Match", etag)));
            wantError(412, "PreconditionFailed", () -> suite.item(id).delete(configuration -> configuration.headers.add("If-Match", etag)));
            equal(suite.item(id).get().getDisplayName(), "moved", "displayName");
        });
    }

    /** The ETag of a connector. */
    private String etag(String id) {
        var seen = new HeadersInspectionOption(false, true);
        suite.item(id).get(configuration -> configuration.options = List.of(seen));
        var etag = header(seen.getResponseHeaders(), "ETag");
        require(!etag.isEmpty(), "there is no ETag");
        return etag;
    }

    private void headers(Checks.Check check) {
        check.that("Prefer: return=representation answers the entity", () -> {
            var id = suite.create("preferred");
            var answered = suite.item(id).patch(named("represented"), configuration -> configuration.headers.add("Prefer", "return=representation"));
            wantBasic(answered, "represented", "user of preferred");
        });
        check.that("Idempotency-Key makes a POST once", () -> {
            var first = once("once");
            equal(once("once").getId(), first.getId(), "the connector that the second POST answered");
            wantError(422, "UnprocessableEntity", () -> once("something else"));
            suite.item(first.getId()).delete();
        });
        check.that("request-id, and client-request-id as it was sent", () -> {
            var mine = "7f4c1f0e-1d62-4c6a-9a3a-0b7b9d5f0e11";
            var seen = new HeadersInspectionOption(false, true);
            suite.demo().get(configuration -> {
                configuration.headers.add("client-request-id", mine);
                configuration.options = List.of(seen);
            });
            equal(header(seen.getResponseHeaders(), "client-request-id"), mine, "client-request-id");
            equal(header(seen.getResponseHeaders(), "request-id").length(), 36, "the length of request-id");
        });
    }

    private IdentityApiConnector once(String name) {
        return suite.connectors().post(Suite.basicConnector(name, "https://api.contoso.example/once"),
                configuration -> configuration.headers.add("Idempotency-Key", "conformance-1"));
    }
}
