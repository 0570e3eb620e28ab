package conformance;

import static conformance.Checks.contains;
import static conformance.Checks.equal;
import static conformance.Checks.require;
import static conformance.Checks.thrown;

import com.azure.core.credential.TokenCredential;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.microsoft.graph.core.authentication.AzureIdentityAuthenticationProvider;
import com.microsoft.graph.core.requests.BaseGraphRequestAdapter;
import com.microsoft.graph.identity.apiconnectors.ApiConnectorsRequestBuilder;
import com.microsoft.graph.identity.apiconnectors.item.IdentityApiConnectorItemRequestBuilder;
import com.microsoft.graph.models.BasicAuthentication;
import com.microsoft.graph.models.ClientCertificateAuthentication;
import com.microsoft.graph.models.IdentityApiConnector;
import com.microsoft.graph.models.Pkcs12Certificate;
import com.microsoft.graph.models.odataerrors.ODataError;
import com.microsoft.graph.serviceclient.GraphServiceClient;
import com.microsoft.kiota.Headers;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * What the checks share: two servers, of which one counts as strictly as Microsoft Graph, a relay of the first one, and a
 * client of it.
 */
final class Suite implements AutoCloseable {
    /** What every Graph client asks a token for. */
    static final String GRAPH_SCOPE = "https://graph.microsoft.com/.default";

    static final String LIFE_URL = "https://api.contoso.example/life?code=a+b&x=ü";

    final Path work;
    final Server server;
    final Server throttled;
    final Relay relay;
    final Map<String, String> trust; // system properties that have a JVM trust the servers
    final TokenCredential credential;
    final GraphServiceClient client;

    private Suite(Path work, Server server, Server throttled, Relay relay) throws Exception {
        this.work = work;
        this.server = server;
        this.throttled = throttled;
        this.relay = relay;
        trust = Identity.trusting(Identity.trustStore(work, List.of(server.authorityFile(), throttled.authorityFile(), relay.authorityFile())));
        System.getProperties().putAll(trust); // before anything speaks TLS
        credential = secretCredential(server, server.developer());
        client = connect(server.url(), credential);
    }

    static Suite start(Path work) throws Exception {
        var second = CompletableFuture.supplyAsync(() -> {
            try {
                return new Server(work.resolve("throttled"), "--throttle", "graph");
            } catch (Exception failure) {
                throw new CompletionException(failure);
            }
        });
        var first = new Server(work.resolve("server"));
        return new Suite(work, first, second.get(), new Relay(first));
    }

    @Override
    public void close() throws IOException {
        relay.close();
        server.close();
        throttled.close();
    }

    static TokenCredential secretCredential(Server at, Server.Application application) {
        return new ClientSecretCredentialBuilder()
                .authorityHost(at.env.get("AZURE_AUTHORITY_HOST"))
                .disableInstanceDiscovery()
                .tenantId(application.tenant())
                .clientId(application.client())
                .clientSecret(application.secret())
                .build();
    }

    /** Makes a Graph client, pointed as any program would. */
    static GraphServiceClient connect(String url, TokenCredential credential) {
        var authentication = new AzureIdentityAuthenticationProvider(credential, new String[] {"localhost"}, GRAPH_SCOPE);
        var adapter = new BaseGraphRequestAdapter(authentication);
        adapter.setBaseUrl(url + "/v1.0");
        return new GraphServiceClient(adapter);
    }

    ApiConnectorsRequestBuilder connectors() {
        return client.identity().apiConnectors();
    }

    IdentityApiConnectorItemRequestBuilder item(String id) {
        return connectors().byIdentityApiConnectorId(id);
    }

    /** The connector that dev made. */
    IdentityApiConnectorItemRequestBuilder demo() {
        return item(server.connector());
    }

    /** Makes a connector with Basic authentication and returns its id. */
    String create(String name) {
        return connectors().post(basicConnector(name, "https://api.contoso.example/" + name.replace(' ', '-'))).getId();
    }

    static IdentityApiConnector basicConnector(String name, String url) {
        var authentication = new BasicAuthentication();
        authentication.setUsername("user of " + name);
        authentication.setPassword("password of " + name);
        var connector = new IdentityApiConnector();
        connector.setDisplayName(name);
        connector.setTargetUrl(url);
        connector.setAuthenticationConfiguration(authentication);
        return connector;
    }

    /** A body whose authentication configuration is a PKCS#12 file. */
    static IdentityApiConnector certificateConnector(String pkcs12Value, String password) {
        var authentication = new Pkcs12Certificate();
        authentication.setPkcs12Value(pkcs12Value);
        authentication.setPassword(password);
        var connector = new IdentityApiConnector();
        connector.setAuthenticationConfiguration(authentication);
        return connector;
    }

    static IdentityApiConnector certificateConnector(Identity.Pfx pfx) {
        return certificateConnector(pfx.base64(), pfx.password());
    }

    static IdentityApiConnector named(String name) {
        var connector = new IdentityApiConnector();
        connector.setDisplayName(name);
        return connector;
    }

    /** Checks that a connector authenticates with Basic, under these names, and shows no password. */
    static void wantBasic(IdentityApiConnector connector, String name, String username) {
        equal(connector.getDisplayName(), name, "displayName");
        require(connector.getAuthenticationConfiguration() instanceof BasicAuthentication, "it authenticates with " + connector.getAuthenticationConfiguration());
        var basic = (BasicAuthentication) connector.getAuthenticationConfiguration();
        equal(basic.getUsername(), username, "username");
        equal(basic.getPassword(), "******", "password");
    }

    /** Checks that a connector shows these certificates, the oldest upload first, of which the last one is active. */
    static void wantCertificates(IdentityApiConnector connector, Identity... want) throws Exception {
        var shown = connector.getAuthenticationConfiguration();
        require(shown instanceof ClientCertificateAuthentication, "it authenticates with " + shown);
        var list = ((ClientCertificateAuthentication) shown).getCertificateList();
        equal(list.size(), want.length, "the number of certificates");
        for (int i = 0; i < want.length; i++) {
            var certificate = list.get(i);
            equal(certificate.getThumbprint(), want[i].thumbprint(), "thumbprint");
            equal(certificate.getNotBefore(), want[i].certificate().getNotBefore().getTime() / 1000, "notBefore");
            equal(certificate.getNotAfter(), want[i].certificate().getNotAfter().getTime() / 1000, "notAfter");
            equal(certificate.getIsActive(), i == want.length - 1, "isActive");
        }
    }

    /**
     * Checks that the body fails with an ODataError with that status and code, whose message holds every one of the texts, and
     * that it can be found in the log by its request-id.
     */
    static ODataError wantError(int status, String code, Checks.Body body, String... texts) {
        var failure = thrown(ODataError.class, body);
        var main = failure.getError();
        require(main != null && main.getCode() != null && main.getMessage() != null, "the error has no code or no message");
        equal(failure.getResponseStatusCode() + " " + main.getCode(), status + " " + code, "the answer (" + main.getMessage() + ")");
        contains(failure.getMessage(), texts);
        var inner = main.getInnerError();
        require(inner != null && inner.getRequestId() != null && inner.getDate() != null, "innerError lacks request-id or date");
        return failure;
    }

    /** The first value of a header of an answer, "" if there is none. */
    static String header(Headers headers, String name) {
        var values = headers.get(name);
        return values == null || values.isEmpty() ? "" : values.iterator().next();
    }
}
