// The SDK's batches. This version sends no headers of a step and {} for its body, and reads no body of an answer; what it can
// do is ask, delete, and see the status.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { BatchRequestContent, BatchRequestContentCollection } from "@microsoft/msgraph-sdk-core";

import { errorMappings } from "../builders.mjs";
import { adapter, create, demo, item, wantBasic, wantError } from "../suite.mjs";

/** send sends requests, each with its id, and returns the status of each. */
async function send(requests, depend = {}) {
  const content = new BatchRequestContent(adapter, errorMappings);
  for (const [id, request] of Object.entries(requests)) {
    content.addBatchRequest(request, id).dependsOn = depend[id];
  }
  return Object.fromEntries(await (await content.postAsync()).getResponsesStatusCodes());
}

describe("batch", () => {
  it("reads, writes and fails, each step for itself", async () => {
    const id = await create("batched");
    const other = await create("batched and gone");
    assert.deepEqual(
      await send({
        read: item(id).toGetRequestInformation(),
        remove: item(other).toDeleteRequestInformation(),
        missing: item("no-such-connector").toGetRequestInformation(),
        change: item(id).toPatchRequestInformation({ displayName: "lost on the way" }),
      }),
      { read: 200, remove: 204, missing: 404, change: 400 },
    );
    await wantError(item(other).get(), 404, "ResourceNotFound", other);
    wantBasic(await item(id).get(), "batched", "user of batched");
  });
  it("a step whose dependency failed answers 424", async () => {
    const requests = { missing: item("no-such-connector").toGetRequestInformation(), dependent: demo.toGetRequestInformation() };
    assert.deepEqual(await send(requests, { dependent: ["missing"] }), { missing: 404, dependent: 424 });
  });
  it("a full batch of 20", async () => {
    const statuses = await send(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`step ${i}`, demo.toGetRequestInformation()])));
    assert.deepEqual(Object.values(statuses), Array(20).fill(200));
  });
  it("a collection of 45 goes as three batches", async () => {
    const collection = new BatchRequestContentCollection(adapter, errorMappings);
    for (let i = 0; i < 45; i++) {
      collection.addBatchRequest(demo.toGetRequestInformation());
    }
    const statuses = await (await collection.postAsync()).getResponsesStatusCodes();
    assert.deepEqual([...statuses.values()], Array(45).fill(200));
  });
});
