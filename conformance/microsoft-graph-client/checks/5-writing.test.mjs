// What surrounds a write: what a client sends back of what it read, and the headers.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ResponseType } from "@microsoft/microsoft-graph-client";

import { basicConnector, client, connectors, create, demo, wantError } from "../suite.mjs";

/** etag reads a connector's ETag. */
async function etag(item) {
  const answer = await client.api(item).responseType(ResponseType.RAW).get();
  return answer.headers.get("etag");
}

describe("writing", () => {
  it("GET, then PATCH of that very object", async () => {
    const item = await create("read and written");
    const read = await client.api(item).get();
    // With @odata.context, id and the password that was masked.
    await client.api(item).patch(read);
    assert.deepEqual(await client.api(item).get(), read);
  });
  it("GET, change, then PATCH of that very object", async () => {
    const item = await create("read and changed");
    const read = await client.api(item).get();
    read.displayName = "changed";
    await client.api(item).patch(read);
    assert.deepEqual(await client.api(item).get(), read);
  });
  it("PATCH of nothing", async () => {
    const item = await create("left alone");
    const read = await client.api(item).get();
    assert.equal(await client.api(item).patch({}), undefined);
    assert.deepEqual(await client.api(item).get(), read);
  });
  it("Prefer: return=representation answers the entity", async () => {
    const item = await create("preferred");
    const answered = await client.api(item).header("Prefer", "return=representation").patch({ displayName: "represented" });
    assert.deepEqual(answered, await client.api(item).get());
    assert.equal(answered.displayName, "represented");
  });
  it("If-Match with the ETag that was read", async () => {
    const item = await create("matched");
    await client.api(item).header("If-Match", await etag(item)).patch({ displayName: "matched once" });
    assert.equal((await client.api(item).get()).displayName, "matched once");
  });
  it("If-Match with an ETag that is no longer so answers 412", async () => {
    const item = await create("moved on");
    const old = await etag(item);
    await client.api(item).patch({ displayName: "moved" });
    await wantError(client.api(item).header("If-Match", old).patch({ displayName: "too late" }), 412, "PreconditionFailed");
    await wantError(client.api(item).header("If-Match", old).delete(), 412, "PreconditionFailed");
    assert.equal((await client.api(item).get()).displayName, "moved");
  });
  it("Idempotency-Key makes a POST once", async () => {
    const post = (name) => client.api(connectors).header("Idempotency-Key", "conformance-2").post(basicConnector(name));
    const first = await post("once");
    assert.equal((await post("once")).id, first.id);
    await wantError(post("something else"), 422, "UnprocessableEntity");
    await client.api(`${connectors}/${first.id}`).delete();
  });
  it("request-id, and client-request-id as it was sent", async () => {
    const mine = "patchbay-conformance"; // the client's own are no valid UUIDs either
    const answer = await client.api(demo).header("client-request-id", mine).responseType(ResponseType.RAW).get();
    assert.equal(answer.headers.get("client-request-id"), mine);
    assert.match(answer.headers.get("request-id"), /^[0-9a-f-]{36}$/);
  });
});
