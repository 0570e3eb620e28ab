// One connector from its creation to its end; each check goes on where the one before it stopped.

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { basic, basicConnector, certificateConnector, connectors, create, item, native, newIdentity, secrets, wantBasic, wantCertificates, wantError } from "../suite.mjs";

const targetUrl = "https://api.contoso.example/life?code=a+b&x=ü";

describe("life of a connector", () => {
  let first;
  let second;
  let id;
  before(async () => {
    first = await newIdentity("first", "open sesame");
    // As old tools write it: 3DES and SHA-1.
    second = await newIdentity("second", "", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1");
  });

  it("create answers 201 with Location and the entity", async () => {
    const answer = await native((seen) => connectors.post({ ...basicConnector("life"), targetUrl }, seen));
    assert.equal(answer.status, 201);
    const created = await answer.json();
    ({ id } = created);
    assert.equal(answer.headers.get("location"), `${process.env.PATCHBAY_URL}/v1.0/identity/apiConnectors/${id}`);
    assert.deepEqual(created.authenticationConfiguration, {
      "@odata.type": "#microsoft.graph.basicAuthentication",
      username: "user of life",
      password: "******",
    });
  });
  it("get reads it back", async () => {
    const read = await item(id).get();
    assert.deepEqual([read.id, read.displayName, read.targetUrl], [id, "life", targetUrl]);
  });
  it("list shows it", async () => {
    const { value } = await connectors.get();
    assert.ok(value.some((connector) => connector.id === id));
  });
  it("update changes what is given and keeps the rest", async () => {
    assert.equal(await item(id).patch({ displayName: "a new life" }), undefined);
    const read = await item(id).get();
    assert.deepEqual([read.displayName, read.targetUrl, read.authenticationConfiguration.username], ["a new life", targetUrl, "user of life"]);
  });
  it("update of the password alone keeps the user name", async () => {
    await item(id).patch({ authenticationConfiguration: secrets("basicAuthentication", { password: "another password" }) });
    assert.equal((await item(id).get()).authenticationConfiguration.username, "user of life");
  });
  it("update from Basic to a certificate", async () => {
    await item(id).patch(certificateConnector(first));
    wantCertificates(await item(id).get(), first);
  });
  it("uploadClientCertificate appends and answers the entity", async () => {
    const { pkcs12Value, password } = second;
    wantCertificates(await item(id).uploadClientCertificate.post({ pkcs12Value, password }), first, second);
    wantCertificates(await item(id).get(), first, second);
  });
  it("update with a certificate drops those before it", async () => {
    await item(id).patch(certificateConnector(second));
    wantCertificates(await item(id).get(), second);
  });
  it("update back to Basic", async () => {
    await item(id).patch(basicConnector("life"));
    wantBasic(await item(id).get(), "life", "user of life");
  });
  it("delete answers 204", async () => {
    const answer = await native((seen) => item(id).delete(seen));
    assert.equal(answer.status, 204);
  });
  it("get afterwards answers 404", () => wantError(item(id).get(), 404, "ResourceNotFound", id));
  it("delete again answers 404", () => wantError(item(id).delete(), 404, "ResourceNotFound", id));
});

// What this SDK makes of {odataType, username, password}: {"@odata.type": "#microsoft.graph.basicAuthentication"}.
describe("derived objects, of which the SDK sends the type alone", () => {
  const typed = { odataType: "#microsoft.graph.pkcs12Certificate", pkcs12Value: "never sent", password: "never sent" };
  const typedBasic = { odataType: "#microsoft.graph.basicAuthentication", username: "never sent", password: "never sent" };

  it("400 for a pkcs12Certificate, by the member that is missing", async () => {
    const id = await create("typed");
    await wantError(item(id).patch({ authenticationConfiguration: typed }), 400, "AADB2C", "authenticationConfiguration/pkcs12Value");
    await wantError(connectors.post({ ...basicConnector("typed"), authenticationConfiguration: typed }), 400, "AADB2C", "authenticationConfiguration/pkcs12Value");
    wantBasic(await item(id).get(), "typed", "user of typed");
  });
  it("400 for a basicAuthentication, by the member that is missing", async () => {
    await wantError(connectors.post({ ...basicConnector("typed"), authenticationConfiguration: typedBasic }), 400, "AADB2C", "authenticationConfiguration/username");
    const id = await create("typed with a certificate");
    await item(id).patch(certificateConnector(await newIdentity("typed")));
    await wantError(item(id).patch({ authenticationConfiguration: typedBasic }), 400, "AADB2C", "authenticationConfiguration/username");
  });
  it("a basicAuthentication over another changes nothing", async () => {
    const id = await create("typed Basic");
    await item(id).patch({ authenticationConfiguration: typedBasic });
    wantBasic(await item(id).get(), "typed Basic", "user of typed Basic");
    await item(id).patch({ authenticationConfiguration: basic("said otherwise", "and sent") });
    wantBasic(await item(id).get(), "typed Basic", "said otherwise");
  });
});
