import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { EnvironmentCredential } from "@azure/identity";

import { addCertificate } from "../server.mjs";
import { basicConnector, certificateCredential, connect, connectors, developer, graphScope, newIdentity, secretCredential } from "../suite.mjs";

/** wantWelcome checks that a Graph client with the credential may read and write. */
async function wantWelcome(credential) {
  const client = connect(credential);
  const { value } = await client.api(connectors).get();
  assert.ok(value.length > 0);
  const { id } = await client.api(connectors).post(basicConnector("welcome"));
  await client.api(`${connectors}/${id}`).delete();
}

/** wantRefused checks that the token endpoint refuses, and that @azure/identity understands why. */
async function wantRefused(credential, code) {
  await assert.rejects(credential.getToken(graphScope), (error) => {
    assert.equal(error.name, "AuthenticationRequiredError");
    assert.match(error.message, new RegExp(`invalid_client.*AADSTS${code}: `, "s"));
    return true;
  });
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
});
