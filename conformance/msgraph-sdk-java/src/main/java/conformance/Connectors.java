package conformance;

import static conformance.Checks.contains;
import static conformance.Checks.equal;
import static conformance.Checks.require;
import static conformance.Suite.certificateConnector;
import static conformance.Suite.wantBasic;
import static conformance.Suite.wantCertificates;
import static conformance.Suite.wantError;

import com.microsoft.graph.identity.apiconnectors.item.uploadclientcertificate.UploadClientCertificatePostRequestBody;
import com.microsoft.graph.models.BasicAuthentication;
import com.microsoft.graph.models.IdentityApiConnector;
import com.microsoft.kiota.NativeResponseHandler;
import com.microsoft.kiota.ResponseHandlerOption;
import java.util.List;
import okhttp3.Response;

/** The founding examples, and one connector from its creation to its end. */
record Connectors(Suite suite) {
    /** The two examples of Microsoft's page "Update identityApiConnector". */
    void foundingExamples(Checks.Check check) {
        check.that("1: PATCH with Basic answers 204", () -> {
            var authentication = new BasicAuthentication();
            authentication.setUsername("<NEW_USERNAME>");
            authentication.setPassword("<NEW_PASSWORD>");
            var body = new IdentityApiConnector();
            body.setDisplayName("New Test API");
            body.setTargetUrl("https://otherapi.com/api/endpoint");
            body.setAuthenticationConfiguration(authentication);
            wantNoContent(body);
            var read = suite.demo().get();
            wantBasic(read, "New Test API", "<NEW_USERNAME>");
            equal(read.getTargetUrl(), "https://otherapi.com/api/endpoint", "targetUrl");
        });
        check.that("2: PATCH with PKCS#12 answers 204", () -> {
            var pfx = Identity.make(suite.work, "founding example").pfx("<CERTIFICATE_PASSWORD>");
            wantNoContent(certificateConnector(pfx));
            var read = suite.demo().get();
            wantCertificates(read, pfx.identity());
            equal(read.getDisplayName(), "New Test API", "displayName, which was to be kept,");
        });
    }

    /** Sends a PATCH to the demo connector twice: once as a program does, and once looking at the very answer. */
    private void wantNoContent(IdentityApiConnector body) {
        require(suite.demo().patch(body) == null, "the SDK returned something, want null");
        var handler = new NativeResponseHandler();
        var option = new ResponseHandlerOption();
        option.setResponseHandler(handler);
        suite.demo().patch(body, configuration -> configuration.options = List.of(option));
        try (var answer = (Response) handler.getValue()) {
            equal(answer.code(), 204, "the status");
            equal(answer.protocol().toString(), "h2", "the protocol, which the SDK is known to speak,");
        }
    }

    /** Each check goes on where the one before it stopped. */
    void life(Checks.Check check) throws Exception {
        var id = new String[1];
        check.that("create answers the entity", () -> {
            var created = suite.connectors().post(Suite.basicConnector("life", Suite.LIFE_URL));
            id[0] = created.getId();
            wantBasic(created, "life", "user of life");
        });
        check.that("get reads it back", () -> {
            var read = suite.item(id[0]).get();
            wantBasic(read, "life", "user of life");
            equal(read.getId(), id[0], "id");
            equal(read.getTargetUrl(), Suite.LIFE_URL, "targetUrl");
            var context = String.valueOf(read.getAdditionalData().get("@odata.context"));
            contains(context, "/v1.0/$metadata#identity/apiConnectors/$entity");
        });
        check.that("list shows it", () ->
                require(suite.connectors().get().getValue().stream().anyMatch(shown -> shown.getId().equals(id[0])), "it is not in the list"));
        check.that("update changes what is given and keeps the rest", () -> {
            suite.item(id[0]).patch(Suite.named("a new life"));
            var read = suite.item(id[0]).get();
            wantBasic(read, "a new life", "user of life");
            equal(read.getTargetUrl(), Suite.LIFE_URL, "targetUrl");
        });
        check.that("update of the password alone keeps the user name", () -> {
            var authentication = new BasicAuthentication();
            authentication.setPassword("another password");
            var body = new IdentityApiConnector();
            body.setAuthenticationConfiguration(authentication);
            suite.item(id[0]).patch(body);
            wantBasic(suite.item(id[0]).get(), "a new life", "user of life");
        });
        certificates(check, id);
        end(check, id);
    }

    private void certificates(Checks.Check check, String[] id) throws Exception {
        var first = Identity.make(suite.work, "first").pfx("open sesame");
        var second = Identity.make(suite.work, "second").pfx("");
        check.that("update from Basic to a certificate", () -> {
            suite.item(id[0]).patch(certificateConnector(first));
            wantCertificates(suite.item(id[0]).get(), first.identity());
        });
        check.that("uploadClientCertificate appends and answers the entity", () -> {
            var answered = suite.item(id[0]).uploadClientCertificate().post(upload(second.base64(), second.password()));
            wantCertificates(answered, first.identity(), second.identity());
            wantCertificates(suite.item(id[0]).get(), first.identity(), second.identity());
        });
        check.that("update with a certificate drops those before it", () -> {
            suite.item(id[0]).patch(certificateConnector(second));
            wantCertificates(suite.item(id[0]).get(), second.identity());
        });
        check.that("update back to Basic", () -> {
            suite.item(id[0]).patch(Suite.basicConnector("life", Suite.LIFE_URL));
            wantBasic(suite.item(id[0]).get(), "life", "user of life");
        });
    }

    private void end(Checks.Check check, String[] id) {
        check.that("delete answers nothing", () -> suite.item(id[0]).delete());
        check.that("get afterwards answers 404", () -> wantError(404, "ResourceNotFound", () -> suite.item(id[0]).get(), id[0]));
        check.that("delete again answers 404", () -> wantError(404, "ResourceNotFound", () -> suite.item(id[0]).delete(), id[0]));
    }

    static UploadClientCertificatePostRequestBody upload(String pkcs12Value, String password) {
        var body = new UploadClientCertificatePostRequestBody();
        body.setPkcs12Value(pkcs12Value);
        body.setPassword(password);
        return body;
    }
}
