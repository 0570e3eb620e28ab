package conformance;

import static conformance.Checks.equal;
import static conformance.Checks.require;
import static conformance.Suite.wantError;

import com.microsoft.graph.identity.b2xuserflows.item.B2xIdentityUserFlowItemRequestBuilder;
import com.microsoft.graph.models.B2xIdentityUserFlow;
import com.microsoft.graph.models.IdentityApiConnector;
import com.microsoft.graph.models.ReferenceUpdate;
import com.microsoft.graph.models.UserFlowApiConnectorConfiguration;
import com.microsoft.graph.models.UserFlowType;

/** One user flow and the connector that its steps call; each check goes on where the one before it stopped. */
record UserFlows(Suite suite) implements Checks.Group {
    private static final String FLOW = "B2X_1_java";

    @Override
    public void run(Checks.Check check) {
        var connector = suite.create("of a user flow");
        var flows = suite.client.identity().b2xUserFlows();
        var flow = flows.byB2xIdentityUserFlowId(FLOW);
        check.that("create a user flow with a link", () -> {
            var created = flows.post(linked(connector));
            equal(created.getId(), FLOW, "id");
            equal(created.getUserFlowType(), UserFlowType.SignUpOrSignIn, "userFlowType");
            equal(created.getUserFlowTypeVersion(), 1f, "userFlowTypeVersion");
            wantError(409, "Conflict", () -> flows.post(linked(connector)), FLOW);
        });
        check.that("list and get show the user flow", () -> {
            require(flows.get().getValue().stream().anyMatch(shown -> shown.getId().equals(FLOW)), "it is not in the list");
            equal(flow.get().getId(), FLOW, "id");
        });
        check.that("$expand shows the linked connector, and null where there is none", () -> {
            var read = expand(flow);
            equal(read.getPostFederationSignup().getId(), connector, "postFederationSignup");
            equal(read.getPostFederationSignup().getDisplayName(), "of a user flow", "displayName");
            equal(read.getPostAttributeCollection(), null, "postAttributeCollection");
        });
        references(check, flow, connector);
        check.that("a connector in use is not deleted, and the flow goes without it", () -> {
            wantError(409, "Conflict", () -> suite.item(connector).delete(), FLOW);
            flow.delete();
            wantError(404, "ResourceNotFound", flow::delete, FLOW);
            suite.item(connector).get();
        });
    }

    private void references(Checks.Check check, B2xIdentityUserFlowItemRequestBuilder flow, String connector) {
        var step = flow.apiConnectorConfiguration().postAttributeCollection();
        check.that("PUT $ref links a step, and an empty body unlinks it", () -> {
            step.ref().put(reference("https://graph.microsoft.com/v1.0/identity/apiConnectors/" + connector));
            equal(expand(flow).getPostAttributeCollection().getId(), connector, "postAttributeCollection");
            step.ref().put(new ReferenceUpdate());
            equal(expand(flow).getPostAttributeCollection(), null, "postAttributeCollection");
        });
        check.that("the connector of a step changes as one of its own", () -> {
            var federation = flow.apiConnectorConfiguration().postFederationSignup();
            var body = new IdentityApiConnector();
            body.setTargetUrl("https://api.contoso.example/by-step");
            federation.patch(body);
            equal(federation.get().getId(), connector, "id");
            equal(federation.get().getTargetUrl(), "https://api.contoso.example/by-step", "targetUrl");
        });
        check.that("DELETE $ref unlinks a step", () -> {
            step.ref().put(reference("identity/apiConnectors/" + connector));
            step.ref().delete();
            wantError(404, "ResourceNotFound", step::get, "postAttributeCollection");
        });
    }

    /** A user flow whose first step calls the connector. Each time a new one: the SDK sends what it has sent once no more. */
    private static B2xIdentityUserFlow linked(String connector) {
        var called = new IdentityApiConnector();
        called.setId(connector);
        var configuration = new UserFlowApiConnectorConfiguration();
        configuration.setPostFederationSignup(called);
        var flow = new B2xIdentityUserFlow();
        flow.setId("java");
        flow.setUserFlowType(UserFlowType.SignUpOrSignIn);
        flow.setUserFlowTypeVersion(1f);
        flow.setApiConnectorConfiguration(configuration);
        return flow;
    }

    private static ReferenceUpdate reference(String id) {
        var reference = new ReferenceUpdate();
        reference.setOdataId(id);
        return reference;
    }

    /** Reads the connectors of a user flow. */
    private static UserFlowApiConnectorConfiguration expand(B2xIdentityUserFlowItemRequestBuilder flow) {
        return flow.apiConnectorConfiguration().get(configuration ->
                configuration.queryParameters.expand = new String[] {"postFederationSignup", "postAttributeCollection"});
    }
}
