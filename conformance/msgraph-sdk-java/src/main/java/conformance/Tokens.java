package conformance;

import static conformance.Checks.equal;
import static conformance.Checks.thrown;

import com.azure.core.credential.TokenCredential;
import com.azure.core.credential.TokenRequestContext;
import com.azure.identity.AzureIdentityEnvVars;
import com.azure.identity.ClientCertificateCredentialBuilder;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.microsoft.aad.msal4j.MsalServiceException;
import java.io.ByteArrayInputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The credentials of azure-identity. */
record Tokens(Suite suite) implements Checks.Group {
    /** How long a token is waited for. */
    private static final Duration SOON = Duration.ofSeconds(20);

    @Override
    public void run(Checks.Check check) throws Exception {
        check.that("ClientSecretCredential", () -> welcome(suite.server.url(), Suite.secretCredential(suite.server, suite.server.developer())));
        var registered = Identity.make(suite.work, "application");
        suite.server.addCertificate(suite.server.developer(), registered.certificateFile());
        check.that("ClientCertificateCredential", () -> {
            var pfx = registered.pfx("open sesame");
            welcome(suite.server.url(), certificate().pfxCertificate(new ByteArrayInputStream(pfx.file())).clientCertificatePassword(pfx.password()).build());
        });
        check.that("ClientCertificateCredential that sends its chain", () ->
                welcome(suite.server.url(), certificate().pemCertificate(registered.pemFile().toString()).sendCertificateChain(true).build()));
        check.that("DefaultAzureCredential, from dev.env alone", () -> {
            var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
            suite.trust.forEach((name, value) -> command.add("-D" + name + "=" + value));
            command.addAll(List.of("-cp", System.getProperty("java.class.path"), FromEnvironment.class.getName()));
            Program.run(command, suite.server.env);
        });
        check.that("a wrong secret is refused", () -> {
            var developer = suite.server.developer();
            refused(Suite.secretCredential(suite.server, new Server.Application(developer.tenant(), developer.client(), "not the secret")));
        });
        check.that("a certificate that was not registered is refused", () ->
                refused(certificate().pemCertificate(Identity.make(suite.work, "stranger").pemFile().toString()).build()));
    }

    private ClientCertificateCredentialBuilder certificate() {
        var developer = suite.server.developer();
        return new ClientCertificateCredentialBuilder()
                .authorityHost(suite.server.env.get("AZURE_AUTHORITY_HOST"))
                .disableInstanceDiscovery()
                .tenantId(developer.tenant())
                .clientId(developer.client());
    }

    /** Checks that a Graph client with the credential may read and write. */
    private static void welcome(String url, TokenCredential credential) {
        var connectors = Suite.connect(url, credential).identity().apiConnectors();
        connectors.get();
        var created = connectors.post(Suite.basicConnector("welcome", "https://api.contoso.example/welcome"));
        connectors.byIdentityApiConnectorId(created.getId()).delete();
    }

    /** Checks that the token endpoint answers 401, and that azure-identity, which passes on what MSAL says, understands it. */
    private static void refused(TokenCredential credential) {
        var failure = thrown(MsalServiceException.class, () ->
                credential.getToken(new TokenRequestContext().addScopes(Suite.GRAPH_SCOPE)).block(SOON));
        equal(failure.statusCode() + " " + failure.errorCode(), "401 invalid_client", "the refusal");
    }

    /** A program that knows nothing but its environment. */
    static final class FromEnvironment {
        private FromEnvironment() {}

        public static void main(String[] args) {
            // The credential for the environment alone cannot do without instance discovery.
            welcome(System.getenv("PATCHBAY_URL"), new DefaultAzureCredentialBuilder().disableInstanceDiscovery()
                    .requireEnvVars(AzureIdentityEnvVars.AZURE_CLIENT_ID, AzureIdentityEnvVars.AZURE_CLIENT_SECRET, AzureIdentityEnvVars.AZURE_TENANT_ID)
                    .build());
            System.exit(0); // threads of connection pools go on
        }
    }
}
