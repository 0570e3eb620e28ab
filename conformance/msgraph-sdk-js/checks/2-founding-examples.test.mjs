// The two examples of Microsoft's page "Update identityApiConnector". Its snippet for this SDK would set a derived object, of
// which this version sends the type alone (3-life.test.mjs looks at that); these say the same in additional data.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { connectorId, demo, native, newIdentity, pkcs12, wantCertificates } from "../suite.mjs";

/** wantNoContent sends a PATCH twice: once as a program does, and once looking at the very answer. */
async function wantNoContent(body) {
  const answer = await native((seen) => demo.patch(body, seen));
  assert.equal(answer.status, 204);
  assert.equal(await answer.text(), "");
  assert.equal(await demo.patch(body), undefined);
}

describe("founding examples", () => {
  it("1: PATCH with Basic answers 204", async () => {
    await wantNoContent({
      displayName: "New Test API",
      targetUrl: "https://otherapi.com/api/endpoint",
      authenticationConfiguration: {
        additionalData: {
          "@odata.type": "microsoft.graph.basicAuthentication",
          username: "<NEW_USERNAME>",
          password: "<NEW_PASSWORD>",
        },
      },
    });
    const { additionalData, ...read } = await demo.get();
    assert.deepEqual(additionalData, { "@odata.context": `${process.env.PATCHBAY_URL}/v1.0/$metadata#identity/apiConnectors/$entity` });
    assert.deepEqual(JSON.parse(JSON.stringify(read)), {
      id: connectorId,
      displayName: "New Test API",
      targetUrl: "https://otherapi.com/api/endpoint",
      authenticationConfiguration: {
        odataType: "#microsoft.graph.basicAuthentication",
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
      authenticationConfiguration: pkcs12(identity),
    });
    const read = await demo.get();
    assert.equal(read.displayName, "New Test API");
    wantCertificates(read, identity);
  });
});
