import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { BatchRequestContent, BatchResponseContent } from "@microsoft/microsoft-graph-client";

import { client, connectors, create, demo } from "../suite.mjs";

/** step is a request of a batch. The client takes only the path of its URL. */
function step(id, path, { dependsOn, body, ...init } = {}) {
  const headers = body && { "Content-Type": "application/json" };
  const request = new Request(`https://graph.microsoft.com${path}`, { ...init, headers, body: body && JSON.stringify(body) });
  return { id, request, dependsOn };
}

async function send(...steps) {
  const content = await new BatchRequestContent(steps).getContent();
  return new BatchResponseContent(await client.api("/$batch").post(content));
}

describe("batch", () => {
  it("reads, writes and fails, each step for itself", async () => {
    const item = await create("batched");
    const answer = await send(
      step("change", item, { method: "PATCH", body: { displayName: "batched and changed" } }),
      step("read", item, { dependsOn: ["change"] }),
      step("missing", `${connectors}/no-such-connector`, { dependsOn: ["change"] }),
    );
    assert.equal(answer.getResponseById("change").status, 204);
    const read = answer.getResponseById("read");
    assert.equal(read.status, 200);
    assert.equal((await read.json()).displayName, "batched and changed");
    const missing = answer.getResponseById("missing");
    assert.equal(missing.status, 404);
    assert.equal((await missing.json()).error.code, "ResourceNotFound");
  });
  it("a step whose dependency failed answers 424", async () => {
    const answer = await send(step("missing", `${connectors}/no-such-connector`), step("dependent", connectors, { dependsOn: ["missing"] }));
    assert.equal(answer.getResponseById("missing").status, 404);
    assert.equal(answer.getResponseById("dependent").status, 424);
  });
  it("a full batch of 20", async () => {
    const answer = await send(...Array.from({ length: 20 }, (_, i) => step(`${i}`, demo)));
    const statuses = [...answer.getResponsesIterator()].map(([, { status }]) => status);
    assert.deepEqual(statuses, Array(20).fill(200));
  });
});
