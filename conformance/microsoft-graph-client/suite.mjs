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
import { Client, GraphError } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

export const connectors = "/identity/apiConnectors";
export const demo = `${connectors}/${process.env.PATCHBAY_CONNECTOR_ID}`;
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

/** connect makes a Graph client of the server at url. */
export function connect(credential, url = process.env.PATCHBAY_URL) {
  return Client.initWithMiddleware({
    authProvider: new TokenCredentialAuthenticationProvider(credential, { scopes: [graphScope] }),
    baseUrl: `${url}/`,
    customHosts: new Set([new URL(url).hostname]),
  });
}

/** client is the one that most checks use. */
export const client = connect(secretCredential(developer));

export function basicConnector(displayName) {
  return {
    displayName,
    targetUrl: `https://api.contoso.example/${displayName.replaceAll(" ", "-")}`,
    authenticationConfiguration: {
      "@odata.type": "#microsoft.graph.basicAuthentication",
      username: `user of ${displayName}`,
      password: `password of ${displayName}`,
    },
  };
}

export function certificateConnector({ pkcs12Value, password }) {
  return { authenticationConfiguration: { "@odata.type": "#microsoft.graph.pkcs12Certificate", pkcs12Value, password } };
}

const created = [];
// Whether they are still there at the end is for the checks to say.
after(() => Promise.all(created.map((item) => client.api(item).delete().catch(() => {}))));

/** create makes a connector with Basic authentication, removes it when the file's checks are done, and returns its path. */
export async function create(displayName) {
  const { id } = await client.api(connectors).post(basicConnector(displayName));
  created.push(`${connectors}/${id}`);
  return created.at(-1);
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

/** certificateList is what Graph shows of identities, the oldest upload first, of which the last one is active. */
export function certificateList(...identities) {
  return identities.map(({ certificate }, i) => {
    const { fingerprint, validFrom, validTo } = new X509Certificate(certificate);
    return {
      thumbprint: fingerprint.replaceAll(":", ""),
      notAfter: Date.parse(validTo) / 1000,
      notBefore: Date.parse(validFrom) / 1000,
      isActive: i === identities.length - 1,
    };
  });
}

/** wantCertificates checks that a connector shows exactly these certificates. */
export function wantCertificates(connector, ...identities) {
  assert.deepEqual(connector.authenticationConfiguration, {
    "@odata.type": "#microsoft.graph.clientCertificateAuthentication",
    certificateList: certificateList(...identities),
  });
}

/**
 * wantError checks that a request fails with a GraphError of that status and code, whose message holds every one of the
 * texts, and which can be found in the log by its request id. It returns the error.
 */
export async function wantError(request, statusCode, code, ...texts) {
  const error = await request.then(
    () => assert.fail(`answered with success, want ${statusCode} ${code}`),
    (error) => error,
  );
  assert.ok(error instanceof GraphError, `the error is ${error?.constructor?.name} (${error?.message}), want GraphError`);
  assert.equal(`${error.statusCode} ${error.code}`, `${statusCode} ${code}`, error.message);
  for (const text of texts) {
    assert.ok(error.message.includes(text), `the message is "${error.message}", want "${text}" in it`);
  }
  assert.match(error.requestId, /^[0-9a-f-]{36}$/, "requestId");
  assert.equal(error.headers.get("request-id"), error.requestId, "the header request-id");
  assert.ok(!Number.isNaN(error.date.getTime()), "date");
  return error;
}
