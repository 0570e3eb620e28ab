// One connector from its creation to its end; each check goes on where the one before it stopped.

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { ResponseType } from "@microsoft/microsoft-graph-client";

import { basicConnector, certificateConnector, client, connectors, newIdentity, wantCertificates, wantError } from "../suite.mjs";

const targetUrl = "https://api.contoso.example/life?code=a+b&x=ü";

describe("life of a connector", () => {
  let first;
  let second;
  let id;
  let item;
  before(async () => {
    first = await newIdentity("first", "open sesame");
    // As old tools write it: 3DES and SHA-1.
    second = await newIdentity("second", "", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1");
  });

  it("create answers 201 with Location and the entity", async () => {
    const answer = await client.api(connectors).responseType(ResponseType.RAW).post({ ...basicConnector("life"), targetUrl });
    assert.equal(answer.status, 201);
    const created = await answer.json();
    ({ id } = created);
    item = `${connectors}/${id}`;
    assert.equal(answer.headers.get("location"), `${process.env.PATCHBAY_URL}/v1.0${item}`);
    assert.deepEqual(created.authenticationConfiguration, {
      "@odata.type": "#microsoft.graph.basicAuthentication",
      username: "user of life",
      password: "******",
    });
  });
  it("get reads it back", async () => {
    const read = await client.api(item).get();
    assert.deepEqual([read.id, read.displayName, read.targetUrl], [id, "life", targetUrl]);
  });
  it("list shows it", async () => {
    const { value } = await client.api(connectors).get();
    assert.ok(value.some((connector) => connector.id === id));
  });
  it("update changes what is given and keeps the rest", async () => {
    assert.equal(await client.api(item).patch({ displayName: "a new life" }), undefined);
    const read = await client.api(item).get();
    assert.deepEqual([read.displayName, read.targetUrl, read.authenticationConfiguration.username], ["a new life", targetUrl, "user of life"]);
  });
  it("update of the password alone keeps the user name", async () => {
    const authenticationConfiguration = { "@odata.type": "#microsoft.graph.basicAuthentication", password: "another password" };
    await client.api(item).patch({ authenticationConfiguration });
    assert.equal((await client.api(item).get()).authenticationConfiguration.username, "user of life");
  });
  it("update from Basic to a certificate", async () => {
    await client.api(item).patch(certificateConnector(first));
    wantCertificates(await client.api(item).get(), first);
  });
  it("uploadClientCertificate appends and answers the entity", async () => {
    const { pkcs12Value, password } = second;
    wantCertificates(await client.api(`${item}/uploadClientCertificate`).post({ pkcs12Value, password }), first, second);
    wantCertificates(await client.api(item).get(), first, second);
  });
  it("update with a certificate drops those before it", async () => {
    await client.api(item).patch(certificateConnector(second));
    wantCertificates(await client.api(item).get(), second);
  });
  it("update back to Basic", async () => {
    await client.api(item).patch(basicConnector("life"));
    assert.equal((await client.api(item).get()).authenticationConfiguration["@odata.type"], "#microsoft.graph.basicAuthentication");
  });
  it("delete answers 204", async () => {
    const answer = await client.api(item).responseType(ResponseType.RAW).delete();
    assert.equal(answer.status, 204);
  });
  it("get afterwards answers 404", () => wantError(client.api(item).get(), 404, "ResourceNotFound", id));
  it("delete again answers 404", () => wantError(client.api(item).delete(), 404, "ResourceNotFound", id));
});
