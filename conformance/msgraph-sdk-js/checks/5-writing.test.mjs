// What surrounds a write: what a client sends back of what it read, and the headers.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { HeadersInspectionOptions } from "@microsoft/kiota-http-fetchlibrary";

import { basicConnector, certificateConnector, connectors, create, demo, item, native, newIdentity, wantBasic, wantCertificates, wantError } from "../suite.mjs";

/** etag reads a connector's ETag, by the SDK's own way to look at headers. */
async function etag(id) {
  const seen = new HeadersInspectionOptions({ inspectResponseHeaders: true });
  await item(id).get({ options: [seen] });
  const [value] = seen.getResponseHeaders().get("etag");
  return value;
}

describe("writing", () => {
  it("GET, then PATCH of that very object", async () => {
    const id = await create("read and written");
    const read = await item(id).get();
    // With @odata.context and id; of authenticationConfiguration it sends the type alone.
    await item(id).patch(read);
    wantBasic(await item(id).get(), "read and written", "user of read and written");
  });
  it("GET, change, then PATCH of that very object", async () => {
    const id = await create("read and changed");
    const read = await item(id).get();
    read.displayName = "changed";
    await item(id).patch(read);
    wantBasic(await item(id).get(), "changed", "user of read and changed");
  });
  it("GET, then PATCH of that very object, with a certificate, answers 400 that says what to send", async () => {
    const id = await create("read and certified");
    const identity = await newIdentity("read and certified");
    await item(id).patch(certificateConnector(identity));
    const read = await item(id).get();
    // The SDK leaves certificateList out, so it is not what was read.
    await wantError(item(id).patch(read), 400, "BadRequest", "sent back unchanged", "#microsoft.graph.pkcs12Certificate");
    await item(id).patch({ ...read, authenticationConfiguration: undefined, displayName: "certified still" });
    const again = await item(id).get();
    assert.equal(again.displayName, "certified still");
    wantCertificates(again, identity);
  });
  it("PATCH of nothing", async () => {
    const id = await create("left alone");
    assert.equal(await item(id).patch({}), undefined);
    wantBasic(await item(id).get(), "left alone", "user of left alone");
  });
  it("Prefer: return=representation answers the entity", async () => {
    const id = await create("preferred");
    const answered = await item(id).patch({ displayName: "represented" }, { headers: { Prefer: "return=representation" } });
    wantBasic(answered, "represented", "user of preferred");
  });
  it("If-Match with the ETag that was read", async () => {
    const id = await create("matched");
    await item(id).patch({ displayName: "matched once" }, { headers: { "If-Match": await etag(id) } });
    assert.equal((await item(id).get()).displayName, "matched once");
  });
  it("If-Match with an ETag that is no longer so answers 412", async () => {
    const id = await create("moved on");
    const headers = { "If-Match": await etag(id) };
    await item(id).patch({ displayName: "moved" });
    await wantError(item(id).patch({ displayName: "too late" }, { headers }), 412, "PreconditionFailed");
    await wantError(item(id).delete({ headers }), 412, "PreconditionFailed");
    assert.equal((await item(id).get()).displayName, "moved");
  });
  it("Idempotency-Key makes a POST once", async () => {
    const post = (name) => connectors.post(basicConnector(name), { headers: { "Idempotency-Key": "conformance-typescript" } });
    const first = await post("once");
    assert.equal((await post("once")).id, first.id);
    await wantError(post("something else"), 422, "UnprocessableEntity");
    await item(first.id).delete();
  });
  it("request-id, and client-request-id as it was sent", async () => {
    const mine = "patchbay-conformance"; // it need not be a UUID
    const answer = await native((seen) => demo.get(seen), { "client-request-id": mine });
    assert.equal(answer.headers.get("client-request-id"), mine);
    assert.match(answer.headers.get("request-id"), /^[0-9a-f-]{36}$/);
  });
});
