import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { EnvironmentCredential } from "@azure/identity";
import { createGraphServiceClient } from "@microsoft/msgraph-sdk";

import { addCertificate } from "../../microsoft-graph-client/server.mjs";
import { adapt, basicConnector, certificateCredential, connect, connectorId, developer, graphScope, newIdentity, secretCredential, wantError } from "../suite.mjs";

/** wantWelcome checks that a Graph client with the credential may read and write. */
async function wantWelcome(credential) {
  const connectors = connect(credential).identity.apiConnectors;
  const { value } = await connectors.get();
  assert.ok(value.length > 0);
  const { id } = await connectors.post(basicConnector("welcome"));
  await connectors.byIdentityApiConnectorId(id).delete();
}

/** wantRefused checks that the token endpoint refuses, and that @azure/identity understands why. */
async function wantRefused(credential, code) {
  const refused = (error) => {
    assert.equal(error.name, "AuthenticationRequiredError");
    assert.match(error.message, new RegExp(`invalid_client.*AADSTS${code}: `, "s"));
    return true;
  };
  await assert.rejects(credential.getToken(graphScope), refused);
  await assert.rejects(connect(credential).identity.apiConnectors.get(), refused);
}

describe("tokens", () => {
  let dir;
  let registered;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "patchbay-certificate-"));
    registered = await newIdentity("application");
    const file = join(dir, "certificate.pem");
    await writeFile(file, registered.certificate);
    await addCertificate(developer, file);
  });
  after(() => rm(dir, { recursive: true, force: true }));

  it("ClientSecretCredential", () => wantWelcome(secretCredential(developer)));
  it("ClientCertificateCredential", () => wantWelcome(certificateCredential(developer, registered.pem)));
  it("ClientCertificateCredential that sends its chain", () => wantWelcome(certificateCredential(developer, registered.pem, { sendCertificateChain: true })));
  it("EnvironmentCredential, from dev.env alone", () => wantWelcome(new EnvironmentCredential({ disableInstanceDiscovery: true })));
  it("a wrong secret is refused", () => wantRefused(secretCredential({ ...developer, secret: "not the secret" }), 7000215));
  it("a certificate that was not registered is refused", async () => {
    const stranger = await newIdentity("stranger");
    await wantRefused(certificateCredential(developer, stranger.pem), 700027);
  });
  it("baseUrl counts when it is set after the client was made, too", async () => {
    const adapter = adapt(secretCredential(developer));
    const { baseUrl } = adapter;
    adapter.baseUrl = "";
    const late = createGraphServiceClient(adapter);
    assert.equal(adapter.baseUrl, "https://graph.microsoft.com/v1.0");
    adapter.baseUrl = baseUrl;
    assert.equal((await late.identity.apiConnectors.byIdentityApiConnectorId(connectorId).get()).id, connectorId);
  });
  it("a host that is not allowed gets no token: 401", async () => {
    const adapter = adapt(secretCredential(developer), process.env.PATCHBAY_URL, ["graph.microsoft.com"]);
    await wantError(createGraphServiceClient(adapter).identity.apiConnectors.get(), 401, "InvalidAuthenticationToken");
  });
});
