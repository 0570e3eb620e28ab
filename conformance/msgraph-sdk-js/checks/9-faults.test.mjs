// What goes wrong between client and server, made by the relay, and the limit that Microsoft documents for this family: 200
// requests a minute per application and tenant.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { RetryHandlerOptions } from "@microsoft/kiota-http-fetchlibrary";

import { readEnvironment } from "../../microsoft-graph-client/server.mjs";
import { inject, relayURL, seen } from "../relay.mjs";
import { basicConnector, connect, developer, item, secretCredential, wantError } from "../suite.mjs";

const limit = 200;
// Otherwise the client waits as long as Retry-After says.
const retries = (maxRetries) => new RetryHandlerOptions({ delay: 0, maxRetries });
/** sent is what was sent: how each request was answered, and the count of repetitions in it. */
const sent = async () => (await seen()).map(({ status, headers }) => [status, headers["Retry-Attempt"]?.[0]]);

describe("faults on the way", () => {
  const relayed = connect(secretCredential(developer), relayURL).identity.apiConnectors;

  for (const status of [503, 429]) {
    it(`${status} with Retry-After: the client waits, then succeeds`, async () => {
      await relayed.get(); // has a token
      await inject({ status, retryAfter: 1, times: 1 });
      const begun = performance.now();
      const { id } = await relayed.post(basicConnector(`after ${status}`));
      const waited = performance.now() - begun;
      assert.ok(waited >= 990, `it waited ${waited} ms, want 1 s`);
      assert.deepEqual(await sent(), [[status, undefined], [201, "1"]]);
      await item(id).delete();
    });
  }
  it("503 for ever: the client gives up with its own error", async () => {
    await inject({ status: 503, retryAfter: 0, times: 2 });
    const error = await relayed.get({ options: [retries(1)] }).then(() => assert.fail("answered with success"), (error) => error);
    assert.deepEqual([error.responseStatusCode, error.errorEscaped?.code], [503, "ServiceUnavailable"]);
    assert.deepEqual(await sent(), [[503, undefined], [503, "1"]]);
  });
  it("a redirect to another host does not take the token along", async () => {
    const elsewhere = new URL(relayURL);
    elsewhere.hostname = "127.0.0.1"; // the same relay, under another name
    await inject({ redirect: `${elsewhere.origin}/v1.0/identity/apiConnectors`, times: 1 });
    await wantError(relayed.get(), 401, "InvalidAuthenticationToken");
    const arrived = (await seen()).map(({ host, headers }) => [host.split(":")[0], "Authorization" in headers]);
    assert.deepEqual(arrived, [["localhost", true], ["127.0.0.1", false]]);
  });
  it("a redirect to a host that does not exist fails", async () => {
    await inject({ redirect: "https://nowhere.invalid/v1.0/identity/apiConnectors", times: 1 });
    await assert.rejects(relayed.get(), (error) => error instanceof TypeError && error.cause?.hostname === "nowhere.invalid");
  });
});

describe("throttling", () => {
  it(`429 after ${limit} requests in a minute, with Retry-After`, async () => {
    const env = await readEnvironment(process.env.CONFORMANCE_THROTTLED);
    const app = { tenantId: env.AZURE_TENANT_ID, clientId: env.AZURE_CLIENT_ID, secret: env.AZURE_CLIENT_SECRET };
    const connectors = connect(secretCredential(app, env.AZURE_AUTHORITY_HOST), env.PATCHBAY_URL).identity.apiConnectors;
    const get = () => connectors.get({ queryParameters: { top: 1, select: ["id"] }, options: [retries(0)] });
    for (let n = 0; n < limit; n++) {
      await get();
    }
    const { responseHeaders: headers } = await wantError(get(), 429, "TooManyRequests");
    const seconds = Number(headers["retry-after"][0]);
    // A minute, and the second in which the first request of it was made.
    assert.ok(seconds >= 1 && seconds <= 61, `Retry-After is ${headers["retry-after"]}`);
    assert.match(headers["x-ms-throttle-scope"][0], /^Tenant_Application\//);
  });
});
