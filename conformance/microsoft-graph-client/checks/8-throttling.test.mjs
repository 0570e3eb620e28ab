// The limit that Microsoft documents for this family: 200 requests a minute per application and tenant.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { RetryHandlerOptions } from "@microsoft/microsoft-graph-client";

import { readEnvironment } from "../server.mjs";
import { connect, connectors, secretCredential, wantError } from "../suite.mjs";

const limit = 200;

describe("throttling", () => {
  it(`429 after ${limit} requests in a minute, with Retry-After`, async () => {
    const env = await readEnvironment(process.env.CONFORMANCE_THROTTLED);
    const app = { tenantId: env.AZURE_TENANT_ID, clientId: env.AZURE_CLIENT_ID, secret: env.AZURE_CLIENT_SECRET };
    const client = connect(secretCredential(app, env.AZURE_AUTHORITY_HOST), env.PATCHBAY_URL);
    // Otherwise the client waits as long as Retry-After says.
    const once = [new RetryHandlerOptions(0, 0)];
    const get = () => client.api(connectors).top(1).select("id").middlewareOptions(once).get();
    for (let n = 0; n < limit; n++) {
      await get();
    }
    const error = await wantError(get(), 429, "TooManyRequests");
    const seconds = Number(error.headers.get("retry-after"));
    // A minute, and the second in which the first request of it was made.
    assert.ok(seconds >= 1 && seconds <= 61, `Retry-After is ${error.headers.get("retry-after")}`);
    assert.match(error.headers.get("x-ms-throttle-scope"), /^Tenant_Application\//);
  });
});
