package conformance;

import static conformance.Checks.equal;
import static conformance.Checks.require;
import static conformance.Suite.header;
import static conformance.Suite.wantError;

import com.azure.core.credential.AccessToken;
import com.microsoft.graph.identity.apiconnectors.ApiConnectorsRequestBuilder;
import com.microsoft.graph.identity.apiconnectors.ApiConnectorsRequestBuilder.GetQueryParameters;
import com.microsoft.graph.identity.apiconnectors.item.uploadclientcertificate.UploadClientCertificatePostRequestBody;
import com.microsoft.graph.models.ApiAuthenticationConfigurationBase;
import com.microsoft.graph.models.BasicAuthentication;
import com.microsoft.graph.models.ClientCertificateAuthentication;
import com.microsoft.graph.models.IdentityApiConnector;
import java.time.OffsetDateTime;
import java.util.Map;
import java.util.function.Consumer;
import reactor.core.publisher.Mono;

/** Every failure arrives as the SDK's ODataError with Graph's status and code. */
record Errors(Suite suite) implements Checks.Group {
    private static final String NO_SUCH_ID = "00000000-0000-4000-8000-000000000000";

    @Override
    public void run(Checks.Check check) throws Exception {
        var good = Identity.make(suite.work, "good").pfx("secret");
        badBodies(check);
        badCertificates(check, good);
        badQueries(check);
        strangers(check);
        check.that("404 for an unknown id, in every operation", () -> {
            var nobody = suite.item(NO_SUCH_ID);
            wantError(404, "ResourceNotFound", nobody::get, NO_SUCH_ID);
            wantError(404, "ResourceNotFound", () -> nobody.patch(Suite.named("nobody")), NO_SUCH_ID);
            wantError(404, "ResourceNotFound", () ->
                    nobody.uploadClientCertificate().post(Connectors.upload(good.base64(), good.password())), NO_SUCH_ID);
            wantError(404, "ResourceNotFound", nobody::delete, NO_SUCH_ID);
        });
    }

    private void badBodies(Checks.Check check) {
        badBody(check, "400 for a required property that is absent", 400, "AADB2C", "targetUrl", c -> c.setTargetUrl(null));
        badBody(check, "400 for an empty displayName", 400, "AADB2C", "displayName", c -> c.setDisplayName(""));
        badBody(check, "400 for a targetUrl that is none", 400, "BadRequest", "targetUrl", c -> c.setTargetUrl("ftp://api.contoso.example"));
        badBody(check, "400 for an unknown property, by its name", 400, "RequestBodyRead", "colour", c -> c.setAdditionalData(Map.of("colour", "red")));
        badBody(check, "400 for no authentication configuration", 400, "AADB2C", "authenticationConfiguration", c -> c.setAuthenticationConfiguration(null));
        badBody(check, "400 for an authentication configuration of the abstract type", 400, "AADB2C", "@odata.type",
                c -> c.setAuthenticationConfiguration(new ApiAuthenticationConfigurationBase()));
        badBody(check, "400 for Basic without a password", 400, "AADB2C", "password", c -> {
            var basic = new BasicAuthentication();
            basic.setUsername("somebody");
            c.setAuthenticationConfiguration(basic);
        });
        badBody(check, "400 for a certificate list, which is read-only", 400, "BadRequest", "pkcs12Certificate",
                c -> c.setAuthenticationConfiguration(new ClientCertificateAuthentication()));
        badBody(check, "413 for a body that is too large", 413, "RequestEntityTooLarge", "larger", c -> c.setDisplayName("long ".repeat(1 << 18)));
    }

    private void badBody(Checks.Check check, String title, int status, String code, String text, Consumer<IdentityApiConnector> change) {
        check.that(title, () -> {
            var body = Suite.basicConnector("wrong", "https://api.contoso.example/wrong");
            change.accept(body);
            wantError(status, code, () -> suite.connectors().post(body), text);
        });
    }

    private void badCertificates(Checks.Check check, Identity.Pfx good) {
        check.that("400 AADB2C90213 for a wrong PKCS#12 password", () ->
                wantError(400, "AADB2C90213", () -> suite.demo().patch(Suite.certificateConnector(good.base64(), "not it")), "password"));
        // The documentation's own sample, which is a JWE header.
        check.that("400 for what is no PKCS#12 file", () -> wantError(400, "BadRequest", () ->
                suite.demo().patch(Suite.certificateConnector("eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ", "secret")), "PKCS#12"));
        check.that("400 for an upload onto Basic", () -> {
            var id = suite.create("basic");
            wantError(400, "BadRequest", () -> suite.item(id).uploadClientCertificate().post(Connectors.upload(good.base64(), good.password())),
                    "#microsoft.graph.pkcs12Certificate");
            Suite.wantBasic(suite.item(id).get(), "basic", "user of basic");
        });
        check.that("400 for an upload without a file", () -> wantError(400, "AADB2C", () ->
                suite.demo().uploadClientCertificate().post(new UploadClientCertificatePostRequestBody()), "pkcs12Value"));
    }

    private void badQueries(Checks.Check check) {
        badQuery(check, "400 for a $filter on an unknown property", "BadRequest", "colour", query -> query.filter = "colour eq 'red'");
        badQuery(check, "400 for a $filter that cannot be read", "BadRequest", "filter", query -> query.filter = "displayName eq 'open");
        badQuery(check, "400 for a $select of an unknown property", "BadRequest", "colour", query -> query.select = new String[] {"colour"});
        badQuery(check, "400 for $expand", "ExpandNotSupported", "xpand", query -> query.expand = new String[] {"owners"});
        badQuery(check, "400 for $search", "Request_UnsupportedQuery", "$search", query -> query.search = "\"life\"");
        badQuery(check, "400 for a $top that is too large", "Request_BadRequest", "999", query -> query.top = 1000);
    }

    private void badQuery(Checks.Check check, String title, String code, String text, Consumer<GetQueryParameters> query) {
        check.that(title, () -> wantError(400, code, () ->
                suite.connectors().get(configuration -> query.accept(configuration.queryParameters)), text));
    }

    /** Those who may not, or not here. */
    private void strangers(Checks.Check check) {
        var server = suite.server;
        check.that("401 for a token that is none", () -> {
            var stranger = Suite.connect(server.url(), context -> Mono.just(new AccessToken("not.a.token", OffsetDateTime.now().plusHours(1))));
            var failure = wantError(401, "InvalidAuthenticationToken", () -> stranger.identity().apiConnectors().get());
            var challenge = header(failure.getResponseHeaders(), "WWW-Authenticate");
            require(challenge.startsWith("Bearer realm=\"\", authorization_uri=\"https://") && !challenge.contains("claims="), "WWW-Authenticate is " + challenge);
        });
        check.that("403 for a write with Read.All, which may read", () -> {
            var reader = connectorsOf(server.addApplication(server.developer().tenant(), "reader", "APIConnectors.Read.All"));
            reader.get();
            wantError(403, "AADB2C", () -> reader.post(Suite.basicConnector("forbidden", Suite.LIFE_URL)), "APIConnectors.ReadWrite.All");
        });
        check.that("403 for an application without a permission", () -> {
            var nobody = connectorsOf(server.addApplication(server.developer().tenant(), "nobody"));
            wantError(403, "AADB2C", nobody::get, "APIConnectors.Read.All", "APIConnectors.ReadWrite.All");
        });
        check.that("404 for another tenant's connector", () -> {
            var neighbour = connectorsOf(server.addApplication(server.addTenant("fabrikam.example"), "neighbour", "APIConnectors.ReadWrite.All"));
            var ours = neighbour.byIdentityApiConnectorId(server.connector());
            wantError(404, "ResourceNotFound", ours::get, server.connector());
            wantError(404, "ResourceNotFound", ours::delete, server.connector());
            equal(neighbour.get().getValue().size(), 0, "the number of connectors in the neighbour's list");
        });
    }

    private ApiConnectorsRequestBuilder connectorsOf(Server.Application application) {
        return Suite.connect(suite.server.url(), Suite.secretCredential(suite.server, application)).identity().apiConnectors();
    }
}
