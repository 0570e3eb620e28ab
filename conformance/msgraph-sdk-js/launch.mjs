// Starts two Patchbay servers, of which one counts requests as strictly as Microsoft Graph, and the relay in front of the first
// one, and runs the checks in a process that was given nothing but the environment of dev.env: NODE_EXTRA_CA_CERTS is read
// before any script runs. PATCHBAY_BIN and RELAY_BIN name the programs; what is not named is built from this repository.

import { execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { startServer } from "../microsoft-graph-client/server.mjs";
import { startRelay } from "./relay.mjs";

const longest = 3 * 60_000; // milliseconds, for all checks together

const here = dirname(fileURLToPath(import.meta.url));
const work = await mkdtemp(join(tmpdir(), "patchbay-conformance-"));
const started = [];
let checks;

function end() {
  checks?.kill("SIGKILL");
  started.forEach((program) => program.kill());
}
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    end();
    process.exit(1);
  });
}

/** start runs a server with a data directory of its own. */
async function start(name, ...flags) {
  const dataDir = join(work, name);
  await mkdir(dataDir, { mode: 0o700 });
  const server = await startServer(binary, dataDir, ...flags);
  started.push(server);
  return { ...server, dataDir };
}

function build(folder, program) {
  const into = join(work, `bin-${program.replaceAll(/\W/g, "")}`);
  execFileSync("go", ["build", "-o", into, program], { cwd: join(here, folder), stdio: ["ignore", "inherit", "inherit"] });
  return into;
}

const binary = process.env.PATCHBAY_BIN || build("../..", "./cmd/patchbay");
try {
  const server = await start("server");
  const throttled = await start("throttled", "--throttle", "graph");
  const relay = await startRelay(process.env.RELAY_BIN || build("../relay", "."), server.env.PATCHBAY_URL, server.env.NODE_EXTRA_CA_CERTS);
  started.push(relay);

  // Node reads one file of certificate authorities, and each of the three has its own.
  const bundle = join(work, "bundle.pem");
  const files = [server.env.NODE_EXTRA_CA_CERTS, throttled.env.NODE_EXTRA_CA_CERTS, relay.ca];
  await writeFile(bundle, (await Promise.all(files.map((file) => readFile(file, "utf8")))).join("\n"));

  const scripts = (await readdir(join(here, "checks"))).filter((name) => name.endsWith(".test.mjs")).sort();
  const reporter = process.argv.slice(2); // e.g. --test-reporter=../report.mjs
  checks = spawn(process.execPath, ["--test", "--test-concurrency=1", ...reporter, ...scripts.map((name) => join(here, "checks", name))], {
    cwd: here,
    stdio: "inherit",
    env: {
      ...withoutProxy(process.env),
      ...server.env,
      NODE_EXTRA_CA_CERTS: bundle,
      CONFORMANCE_BINARY: binary,
      CONFORMANCE_DATA_DIR: server.dataDir,
      CONFORMANCE_THROTTLED: join(throttled.dataDir, "dev.env"),
      CONFORMANCE_RELAY: relay.url,
    },
  });
  const late = setTimeout(() => {
    console.error(`the checks took longer than ${longest / 1000} s and were ended`);
    checks.kill("SIGKILL");
  }, longest);
  const code = await new Promise((resolve) => checks.once("close", resolve));
  clearTimeout(late);
  process.exitCode = code ?? 1;
  for (const program of started.splice(0).reverse()) {
    await program.stop();
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  end();
  await rm(work, { recursive: true, force: true });
}

/** withoutProxy is an environment by which nobody sends requests for this machine to a proxy. */
function withoutProxy(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(https?|all)_proxy$/i.test(name)));
}
