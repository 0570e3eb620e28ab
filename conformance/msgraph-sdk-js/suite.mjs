// What the checks share: clients and credentials pointed as any program would point them, bodies, PKCS#12 files made by
// OpenSSL, and the look at an error.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { promisify } from "node:util";

import { ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";
import { NativeResponseHandler, ResponseHandlerOption } from "@microsoft/kiota-abstractions";
import { AzureIdentityAuthenticationProvider } from "@microsoft/kiota-authentication-azure";
import { createGraphServiceClient, GraphRequestAdapter } from "@microsoft/msgraph-sdk";

import "./builders.mjs";

export const connectorId = process.env.PATCHBAY_CONNECTOR_ID;
export const graphScope = "https://graph.microsoft.com/.default";

/** developer is the application that dev made. */
export const developer = {
  tenantId: process.env.AZURE_TENANT_ID,
  clientId: process.env.AZURE_CLIENT_ID,
  secret: process.env.AZURE_CLIENT_SECRET,
};

const authority = (authorityHost) => ({ authorityHost, disableInstanceDiscovery: true });

export function secretCredential({ tenantId, clientId, secret }, authorityHost = process.env.AZURE_AUTHORITY_HOST) {
  return new ClientSecretCredential(tenantId, clientId, secret, authority(authorityHost));
}

export function certificateCredential({ tenantId, clientId }, pem, options = {}) {
  return new ClientCertificateCredential(tenantId, clientId, { certificate: pem }, { ...authority(process.env.AZURE_AUTHORITY_HOST), ...options });
}

/** adapt makes a request adapter of the server at url; the SDK sends a token to the hosts that it is told, and no other. */
export function adapt(credential, url = process.env.PATCHBAY_URL, hosts = [new URL(url).hostname]) {
  const provider = new AzureIdentityAuthenticationProvider(credential, [graphScope], undefined, new Set(hosts));
  const adapter = new GraphRequestAdapter(provider);
  adapter.baseUrl = `${url}/v1.0`;
  return adapter;
}

/** connect makes a Graph client of the server at url. */
export function connect(credential, url) {
  return createGraphServiceClient(adapt(credential, url));
}

/** adapter and client are those that most checks use. */
export const adapter = adapt(secretCredential(developer));
export const client = createGraphServiceClient(adapter);
export const connectors = client.identity.apiConnectors;
export const item = (id) => connectors.byIdentityApiConnectorId(id);
export const demo = item(connectorId);

/**
 * secrets is an authentication configuration as this SDK can send one. Of an object of its derived types it sends nothing but
 * the type; additional data it sends as they are.
 */
export const secrets = (odataType, additionalData) => ({ odataType: `#microsoft.graph.${odataType}`, additionalData });
export const basic = (username, password) => secrets("basicAuthentication", { username, password });
export const pkcs12 = ({ pkcs12Value, password }) => secrets("pkcs12Certificate", { pkcs12Value, password });

export function basicConnector(displayName) {
  return {
    displayName,
    targetUrl: `https://api.contoso.example/${displayName.replaceAll(" ", "-")}`,
    authenticationConfiguration: basic(`user of ${displayName}`, `password of ${displayName}`),
  };
}

export const certificateConnector = (identity) => ({ authenticationConfiguration: pkcs12(identity) });

const created = [];
// Whether they are still there at the end is for the checks to say.
after(() => Promise.all(created.map((id) => item(id).delete().catch(() => {}))));

/** create makes a connector with Basic authentication, removes it when the file's checks are done, and returns its id. */
export async function create(displayName) {
  const { id } = await connectors.post(basicConnector(displayName));
  created.push(id);
  return id;
}

/** native makes a request and returns the very answer, by the SDK's own way to see it. */
export async function native(send, headers = {}) {
  const handler = new NativeResponseHandler();
  const option = new ResponseHandlerOption();
  option.responseHandler = handler;
  await send({ headers, options: [option] });
  return handler.value;
}

/**
 * newIdentity makes a self-signed certificate and its key, and a PKCS#12 file of them, with OpenSSL.
 * options go to `openssl pkcs12`.
 */
export async function newIdentity(name, password = "", ...options) {
  const dir = await mkdtemp(join(tmpdir(), "patchbay-identity-"));
  const run = (...args) => promisify(execFile)("openssl", args, { cwd: dir, env: { ...process.env, PFX_PASSWORD: password } });
  try {
    await run("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-sha256", "-days", "365", "-subj", `/CN=${name}`, "-keyout", "key.pem", "-out", "certificate.pem");
    await run("pkcs12", "-export", "-inkey", "key.pem", "-in", "certificate.pem", "-out", "identity.pfx", "-passout", "env:PFX_PASSWORD", ...options);
    const certificate = await readFile(join(dir, "certificate.pem"), "utf8");
    return {
      certificate,
      pem: (await readFile(join(dir, "key.pem"), "utf8")) + certificate,
      pkcs12Value: await readFile(join(dir, "identity.pfx"), "base64"),
      password,
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** wantCertificates checks that a connector shows exactly these certificates, the oldest upload first; the last one is active. */
export function wantCertificates({ authenticationConfiguration }, ...identities) {
  const { odataType, certificateList } = authenticationConfiguration;
  assert.equal(odataType, "#microsoft.graph.clientCertificateAuthentication");
  const want = identities.map(({ certificate }, i) => {
    const { fingerprint, validFrom, validTo } = new X509Certificate(certificate);
    return {
      thumbprint: fingerprint.replaceAll(":", ""),
      notAfter: Date.parse(validTo) / 1000,
      notBefore: Date.parse(validFrom) / 1000,
      isActive: i === identities.length - 1,
    };
  });
  assert.deepEqual(certificateList.map(({ thumbprint, notAfter, notBefore, isActive }) => ({ thumbprint, notAfter, notBefore, isActive })), want);
}

/** wantBasic checks that a connector that create made still authenticates with Basic, under that name. */
export function wantBasic({ displayName, targetUrl, authenticationConfiguration }, name, username) {
  const { odataType, password, ...rest } = authenticationConfiguration;
  assert.deepEqual([displayName, odataType, rest.username, password], [name, "#microsoft.graph.basicAuthentication", username, "******"]);
  assert.ok(targetUrl);
}

/**
 * wantError checks that a request fails with an ODataError of that status and code, whose message holds every one of the
 * texts, and which can be found in the log by its request id. It returns the error.
 */
export async function wantError(request, statusCode, code, ...texts) {
  const error = await request.then(
    () => assert.fail(`answered with success, want ${statusCode} ${code}`),
    (error) => error,
  );
  // An ODataError of this SDK is an object without a class. Others, which it throws for what it cannot read, have one.
  assert.ok(error?.errorEscaped, `the error is ${error?.constructor?.name} (${error?.message}), want an ODataError`);
  const { responseStatusCode, responseHeaders, message, errorEscaped } = error;
  assert.equal(`${responseStatusCode} ${errorEscaped.code}`, `${statusCode} ${code}`, message);
  assert.equal(errorEscaped.message, message);
  for (const text of texts) {
    assert.ok(message.includes(text), `the message is "${message}", want "${text}" in it`);
  }
  const { requestId, date } = errorEscaped.innerError;
  assert.match(requestId, /^[0-9a-f-]{36}$/, "request-id");
  assert.deepEqual(responseHeaders["request-id"], [requestId], "the header request-id");
  assert.ok(!Number.isNaN(date.getTime()), "date");
  return error;
}
