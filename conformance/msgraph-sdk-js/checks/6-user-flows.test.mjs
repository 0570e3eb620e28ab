// One user flow and the connector that its steps call; each check goes on where the one before it stopped.

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { client, create, item, native, wantError } from "../suite.mjs";

const flows = client.identity.b2xUserFlows;
const id = "B2X_1_typescript";
const flow = flows.byB2xIdentityUserFlowId(id);
const queryParameters = { expand: ["postFederationSignup", "postAttributeCollection"] };
const expanded = () => flow.apiConnectorConfiguration.get({ queryParameters });

/** wantNull checks that a step is null. The SDK makes an object without members of it, so that is looked at, and the very answer. */
async function wantNull(step) {
  assert.deepEqual(JSON.parse(JSON.stringify((await expanded())[step])), {});
  const answer = await native((seen) => flow.apiConnectorConfiguration.get({ queryParameters, ...seen }));
  assert.equal((await answer.json())[step], null);
}

describe("user flows", () => {
  let connector;
  before(async () => (connector = await create("of a user flow")));

  it("create a user flow with a link", async () => {
    const body = {
      id: "typescript",
      userFlowType: "signUpOrSignIn",
      userFlowTypeVersion: 1,
      apiConnectorConfiguration: { postFederationSignup: { id: connector } },
    };
    const created = await flows.post(body);
    assert.deepEqual([created.id, created.userFlowType, created.userFlowTypeVersion], [id, "signUpOrSignIn", 1]);
    await wantError(flows.post(body), 409, "Conflict", id);
  });
  it("list and get show the user flow", async () => {
    const { value } = await flows.get();
    assert.ok(value.some((flow) => flow.id === id));
    assert.equal((await flow.get()).id, id);
  });
  it("$expand shows the linked connector, and null where there is none", async () => {
    const { postFederationSignup } = await expanded();
    assert.deepEqual([postFederationSignup.id, postFederationSignup.displayName], [connector, "of a user flow"]);
    await wantNull("postAttributeCollection");
  });
  it("PUT $ref links a step, and an empty body unlinks it", async () => {
    const { ref } = flow.apiConnectorConfiguration.postAttributeCollection;
    await ref.put({ odataId: `https://graph.microsoft.com/v1.0/identity/apiConnectors/${connector}` });
    assert.equal((await expanded()).postAttributeCollection.id, connector);
    await ref.put({});
    await wantNull("postAttributeCollection");
  });
  it("the connector of a step changes as one of its own", async () => {
    const step = flow.apiConnectorConfiguration.postFederationSignup;
    await step.patch({ targetUrl: "https://api.contoso.example/by-step" });
    const read = await step.get();
    assert.deepEqual([read.id, read.targetUrl], [connector, "https://api.contoso.example/by-step"]);
  });
  it("DELETE $ref unlinks a step", async () => {
    const step = flow.apiConnectorConfiguration.postAttributeCollection;
    await step.ref.put({ odataId: `identity/apiConnectors/${connector}` });
    await step.ref.delete();
    await wantError(step.get(), 404, "ResourceNotFound", "postAttributeCollection");
  });
  it("a connector in use is not deleted, and the flow goes without it", async () => {
    await wantError(item(connector).delete(), 409, "Conflict", id);
    await flow.delete();
    await wantError(flow.delete(), 404, "ResourceNotFound", id);
    assert.equal((await item(connector).get()).id, connector);
  });
});
