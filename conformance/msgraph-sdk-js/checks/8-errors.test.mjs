// Every failure arrives as the SDK's ODataError with Graph's status and code.

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { addApplication, addTenant } from "../../microsoft-graph-client/server.mjs";
import { basicConnector, certificateConnector, connect, connectorId, connectors, create, demo, developer, item, newIdentity, secretCredential, secrets, wantError } from "../suite.mjs";

const noSuchId = "00000000-0000-4000-8000-000000000000";

describe("errors", () => {
  let good;
  before(async () => (good = await newIdentity("good", "secret")));

  for (const [name, change, status, code, text] of [
    ["400 for a required property that is absent", { targetUrl: undefined }, 400, "AADB2C", "targetUrl"],
    ["400 for a required property that is null", { displayName: null }, 400, "AADB2C", "displayName"],
    ["400 for an empty displayName", { displayName: "" }, 400, "AADB2C", "displayName"],
    ["400 for a displayName that is no string", { displayName: undefined, additionalData: { displayName: 7 } }, 400, "RequestBodyRead", "displayName"],
    ["400 for a targetUrl that is none", { targetUrl: "ftp://api.contoso.example" }, 400, "BadRequest", "targetUrl"],
    ["400 for an unknown property, by its name", { additionalData: { colour: "red" } }, 400, "RequestBodyRead", "colour"],
    ["400 for no authentication configuration", { authenticationConfiguration: undefined }, 400, "AADB2C", "authenticationConfiguration"],
    ["400 for an authentication configuration without a type", { authenticationConfiguration: { additionalData: { username: "u", password: "p" } } }, 400, "AADB2C", "@odata.type"],
    ["400 for an unknown authentication type", { authenticationConfiguration: secrets("apiKey") }, 400, "BadRequest", "#microsoft.graph.pkcs12Certificate"],
    ["400 for Basic without a password", { authenticationConfiguration: secrets("basicAuthentication", { username: "u" }) }, 400, "AADB2C", "password"],
    ["413 for a body that is too large", { displayName: "long ".repeat(1 << 18) }, 413, "RequestEntityTooLarge", "larger"],
  ]) {
    it(name, () => wantError(connectors.post({ ...basicConnector("wrong"), ...change }), status, code, text));
  }

  it("400 AADB2C90213 for a wrong PKCS#12 password", () => wantError(demo.patch(certificateConnector({ ...good, password: "not it" })), 400, "AADB2C90213", "password"));
  it("400 for what is no PKCS#12 file", () => {
    // The documentation's own sample, which is a JWE header.
    const pkcs12Value = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ";
    return wantError(demo.patch(certificateConnector({ ...good, pkcs12Value })), 400, "BadRequest", "PKCS#12");
  });
  it("400 for an upload onto Basic", async () => {
    const { pkcs12Value, password } = good;
    const upload = item(await create("basic")).uploadClientCertificate.post({ pkcs12Value, password });
    await wantError(upload, 400, "BadRequest", "#microsoft.graph.pkcs12Certificate");
  });
  it("400 for an upload without a file", () => wantError(demo.uploadClientCertificate.post({ password: "" }), 400, "AADB2C", "pkcs12Value"));

  for (const [name, queryParameters, code, text] of [
    ["400 for a $filter on an unknown property", { filter: "colour eq 'red'" }, "BadRequest", "colour"],
    ["400 for a $filter that cannot be read", { filter: "displayName eq 'open" }, "BadRequest", "filter"],
    ["400 for a $select of an unknown property", { select: ["colour"] }, "BadRequest", "colour"],
    ["400 for $expand", { expand: ["owners"] }, "ExpandNotSupported", "xpand"],
    ["400 for $search", { search: '"life"' }, "Request_UnsupportedQuery", "$search"],
    ["400 for a $top that is too large", { top: 1000 }, "Request_BadRequest", "999"],
  ]) {
    it(name, () => wantError(connectors.get({ queryParameters }), 400, code, text));
  }
  it("400 for a $skiptoken of another query", () => {
    const link = `${process.env.PATCHBAY_URL}/v1.0/identity/apiConnectors?$skiptoken=abc`;
    return wantError(connectors.withUrl(link).get(), 400, "BadRequest", "skiptoken");
  });
  it("400 for a segment that does not exist", () => {
    const link = `${process.env.PATCHBAY_URL}/v1.0/identity/apiConnectorz`;
    return wantError(connectors.withUrl(link).get(), 400, "BadRequest", "Resource not found for the segment 'apiConnectorz'.");
  });

  it("401 for a token that is none", async () => {
    const stranger = connect({ getToken: async () => ({ token: "not.a.token", expiresOnTimestamp: Date.now() + 3_600_000 }) });
    const error = await wantError(stranger.identity.apiConnectors.get(), 401, "InvalidAuthenticationToken");
    // The SDK cuts a header's value at its commas.
    assert.match(error.responseHeaders["www-authenticate"].join(), /^Bearer realm="", authorization_uri="https:\/\/[^"]+", client_id="00000003-0000-0000-c000-000000000000"$/);
  });
  it("403 for a write with Read.All, which may read", async () => {
    const app = await addApplication(developer.tenantId, "typescript reader", "APIConnectors.Read.All");
    const reader = connect(secretCredential(app)).identity.apiConnectors;
    assert.ok((await reader.get()).value.length > 0);
    await wantError(reader.post(basicConnector("forbidden")), 403, "AADB2C", "APIConnectors.ReadWrite.All");
  });
  it("403 for an application without a permission", async () => {
    const app = await addApplication(developer.tenantId, "typescript nobody");
    await wantError(connect(secretCredential(app)).identity.apiConnectors.get(), 403, "AADB2C", "APIConnectors.Read.All", "APIConnectors.ReadWrite.All");
  });
  it("404 for another tenant's connector", async () => {
    const app = await addApplication(await addTenant("fabrikam.example"), "typescript neighbour", "APIConnectors.ReadWrite.All");
    const neighbour = connect(secretCredential(app)).identity.apiConnectors;
    const theirs = neighbour.byIdentityApiConnectorId(connectorId);
    await wantError(theirs.get(), 404, "ResourceNotFound");
    await wantError(theirs.delete(), 404, "ResourceNotFound");
    assert.deepEqual((await neighbour.get()).value, []);
  });
  it("404 for an unknown id, in every operation", async () => {
    const nobody = item(noSuchId);
    const { pkcs12Value, password } = good;
    await wantError(nobody.get(), 404, "ResourceNotFound", noSuchId);
    await wantError(nobody.patch({ displayName: "nobody" }), 404, "ResourceNotFound", noSuchId);
    await wantError(nobody.uploadClientCertificate.post({ pkcs12Value, password }), 404, "ResourceNotFound", noSuchId);
    await wantError(nobody.delete(), 404, "ResourceNotFound", noSuchId);
  });
});
