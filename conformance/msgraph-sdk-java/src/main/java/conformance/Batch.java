package conformance;

import static conformance.Checks.equal;
import static conformance.Checks.require;

import com.microsoft.graph.core.content.BatchRequestContent;
import com.microsoft.graph.core.content.BatchRequestContentCollection;
import com.microsoft.graph.core.content.BatchResponseContent;
import com.microsoft.graph.models.IdentityApiConnector;
import com.microsoft.graph.models.odataerrors.ODataError;
import com.microsoft.kiota.serialization.JsonParseNodeFactory;
import com.microsoft.kiota.serialization.Parsable;
import com.microsoft.kiota.serialization.ParsableFactory;
import java.util.Map;

/** The SDK's batch builder. */
record Batch(Suite suite) implements Checks.Group {
    @Override
    public void run(Checks.Check check) {
        check.that("reads, writes and fails, each step for itself", () -> {
            var id = suite.create("batched");
            var content = new BatchRequestContent(suite.client);
            var patch = content.addBatchRequestStep(suite.item(id).toPatchRequestInformation(Suite.named("batched and changed")));
            var read = content.addBatchRequestStep(suite.item(id).toGetRequestInformation());
            content.getBatchRequestSteps().get(read).addDependsOnId(patch);
            var missing = content.addBatchRequestStep(suite.item("no-such-connector").toGetRequestInformation());
            var answer = send(content);
            equal(answer.getResponsesStatusCode(), Map.of(patch, 204, read, 200, missing, 404), "what the steps answered");
            Suite.wantBasic(answer.getResponseById(read, IdentityApiConnector::createFromDiscriminatorValue), "batched and changed", "user of batched");
            // The SDK reads the error of a step and lets it fall, so a program has to read it once more.
            var failure = new JsonParseNodeFactory().getParseNode("application/json", answer.getResponseStreamById(missing))
                    .getObjectValue(ODataError::createFromDiscriminatorValue);
            equal(failure.getError().getCode(), "ResourceNotFound", "the code of the step that must fail");
        });
        check.that("a step whose dependency failed answers 424", () -> {
            var content = new BatchRequestContent(suite.client);
            var missing = content.addBatchRequestStep(suite.item("no-such-connector").toGetRequestInformation());
            var dependent = content.addBatchRequestStep(suite.connectors().toGetRequestInformation());
            content.getBatchRequestSteps().get(dependent).addDependsOnId(missing);
            equal(send(content).getResponsesStatusCode().get(dependent), 424, "the status");
        });
        check.that("a full batch of 20", () -> {
            var content = new BatchRequestContent(suite.client);
            for (int n = 0; n < 20; n++) {
                content.addBatchRequestStep(suite.demo().toGetRequestInformation());
            }
            var statuses = send(content).getResponsesStatusCode();
            equal(statuses.size(), 20, "the number of steps that were answered");
            require(statuses.values().stream().allMatch(status -> status == 200), "the steps answered " + statuses);
        });
        check.that("more than 20 steps, which the SDK splits into batches", () -> {
            var content = new BatchRequestContentCollection(suite.client);
            for (int n = 0; n < 25; n++) {
                content.addBatchRequestStep(suite.demo().toGetRequestInformation());
            }
            var statuses = suite.client.getBatchRequestBuilder().post(content, errors()).getResponsesStatusCodes();
            equal(statuses.size(), 25, "the number of steps that were answered");
            require(statuses.values().stream().allMatch(status -> status == 200), "the steps answered " + statuses);
        });
    }

    private BatchResponseContent send(BatchRequestContent content) throws Exception {
        return suite.client.getBatchRequestBuilder().post(content, errors());
    }

    /** How the SDK is told to read errors. */
    private static Map<String, ParsableFactory<? extends Parsable>> errors() {
        return Map.of("4XX", ODataError::createFromDiscriminatorValue, "5XX", ODataError::createFromDiscriminatorValue);
    }
}
