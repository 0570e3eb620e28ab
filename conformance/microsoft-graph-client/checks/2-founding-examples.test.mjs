// The two examples of Microsoft's page "Update identityApiConnector", as its JavaScript snippets send them.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ResponseType } from "@microsoft/microsoft-graph-client";

import { client, demo, newIdentity, wantCertificates } from "../suite.mjs";

/** wantNoContent sends a PATCH twice: once as a program does, and once looking at the very answer. */
async function wantNoContent(body) {
  const answer = await client.api(demo).responseType(ResponseType.RAW).update(body);
  assert.equal(answer.status, 204);
  assert.equal(await answer.text(), "");
  assert.equal(await client.api(demo).update(body), undefined);
}

describe("founding examples", () => {
  it("1: PATCH with Basic answers 204", async () => {
    await wantNoContent({
      displayName: "New Test API",
      targetUrl: "https://otherapi.com/api/endpoint",
      authenticationConfiguration: {
        "@odata.type": "microsoft.graph.basicAuthentication",
        username: "<NEW_USERNAME>",
        password: "<NEW_PASSWORD>",
      },
    });
    const { "@odata.context": context, ...read } = await client.api(demo).get();
    assert.equal(context, `${process.env.PATCHBAY_URL}/v1.0/$metadata#identity/apiConnectors/$entity`);
    assert.deepEqual(read, {
      id: process.env.PATCHBAY_CONNECTOR_ID,
      displayName: "New Test API",
      targetUrl: "https://otherapi.com/api/endpoint",
      authenticationConfiguration: {
        "@odata.type": "#microsoft.graph.basicAuthentication",
        username: "<NEW_USERNAME>",
        password: "******",
      },
    });
  });

  it("2: PATCH with PKCS#12 answers 204", async () => {
    const identity = await newIdentity("founding example", "<CERTIFICATE_PASSWORD>");
    await wantNoContent({
      displayName: "New Test API",
      targetUrl: "https://otherapi.com/api/endpoint",
      authenticationConfiguration: {
        "@odata.type": "#microsoft.graph.pkcs12Certificate",
        pkcs12Value: identity.pkcs12Value,
        password: "<CERTIFICATE_PASSWORD>",
      },
    });
    const read = await client.api(demo).get();
    assert.equal(read.displayName, "New Test API");
    wantCertificates(read, identity);
  });
});
