// A running `patchbay dev`, and the local commands on its data directory. Only what Patchbay tells everybody is used: its
// command line, and the dev.env that it writes.

import { execFile, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const readyWithin = 20_000; // milliseconds
const stopWithin = 10_000;

/** environment is this process's own without what would become a setting of Patchbay. */
function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PATCHBAY_")));
}

/** startServer runs `patchbay dev` in an empty directory with any free port; it resolves once the server listens. */
export async function startServer(binary, dataDir, ...flags) {
  const child = spawn(binary, ["dev", "--data-dir", dataDir, "--listen", "127.0.0.1:0", "--health-listen", "", ...flags], {
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (text) => (log += text));
  const exited = new Promise((resolve) => child.once("close", (code) => resolve(code)));
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`patchbay dev was not ready within ${readyWithin} ms`));
    }, readyWithin);
    const settle = (act) => (value) => {
      clearTimeout(late);
      act(value);
    };
    // The first it prints is that it listens. What it prints is not kept: a secret is among it.
    child.stdout.once("data", settle(resolve));
    child.stdout.resume();
    child.once("error", settle(reject));
    exited.then(settle((code) => reject(new Error(`patchbay dev ended at once with code ${code}\n${log}`))));
  });
  return {
    env: await readEnvironment(join(dataDir, "dev.env")),
    /** stop ends the server in good order; it rejects if that does not happen. */
    async stop() {
      const late = setTimeout(() => child.kill("SIGKILL"), stopWithin);
      child.kill("SIGINT");
      const code = await exited;
      clearTimeout(late);
      if (code !== 0) {
        throw new Error(`patchbay dev did not end in good order (code ${code})\n${log}`);
      }
    },
    kill: () => child.kill("SIGKILL"),
  };
}

/** readEnvironment reads KEY=VALUE lines whose values are single words of a POSIX shell, quoted with ' where needed. */
export async function readEnvironment(path) {
  const variables = {};
  for (const line of (await readFile(path, "utf8")).split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) {
      const word = line.slice(at + 1);
      variables[line.slice(0, at)] = word.startsWith("'") ? word.slice(1, -1).replaceAll(`'\\''`, "'") : word;
    }
  }
  return variables;
}

/** local runs a local command of patchbay on the data directory of the server under test and returns what it prints. */
async function local(...args) {
  const { CONFORMANCE_BINARY: binary, CONFORMANCE_DATA_DIR: dataDir } = process.env;
  const { stdout } = await promisify(execFile)(binary, [...args, "--data-dir", dataDir, "--output", "json"], { env: environment() });
  return JSON.parse(stdout);
}

/** addApplication registers an application with these permissions in a tenant of the server. */
export async function addApplication(tenantId, name, ...roles) {
  const granted = roles.flatMap((role) => ["--role", role]);
  const { client_id: clientId } = await local("app", "create", name, "--tenant", tenantId, ...granted);
  const { secret } = await local("app", "secret", "add", clientId, "--tenant", tenantId);
  return { tenantId, clientId, secret };
}

/** addTenant makes another tenant and returns its id. */
export async function addTenant(name) {
  return (await local("tenant", "create", name)).id;
}

/** addCertificate lets an application prove itself by the certificate in a PEM file. */
export async function addCertificate({ tenantId, clientId }, file) {
  await local("app", "certificate", "add", clientId, file, "--tenant", tenantId);
}
