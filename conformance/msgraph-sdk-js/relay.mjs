// The relay of ../relay: an HTTPS front before a server, which answers with faults when it is asked to.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const readyWithin = 20_000; // milliseconds
const stopWithin = 10_000;

/** startRelay runs the relay before the server at url, whose certificate authority is in the file ca. */
export async function startRelay(binary, url, ca) {
  const child = spawn(binary, ["--listen", "127.0.0.1:0", "--to", url, "--ca", ca], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise((resolve) => child.once("close", resolve));
  const late = setTimeout(() => child.kill("SIGKILL"), readyWithin);
  const first = await Promise.race([
    new Promise((resolve) => createInterface({ input: child.stdout }).once("line", resolve)),
    new Promise((_, reject) => child.once("error", reject)),
    exited.then((code) => Promise.reject(new Error(`the relay ended at once with code ${code}, or was not ready in time`))),
  ]);
  clearTimeout(late);
  return {
    ...JSON.parse(first),
    /** stop ends the relay in good order; it rejects if that does not happen. */
    async stop() {
      const late = setTimeout(() => child.kill("SIGKILL"), stopWithin);
      child.kill("SIGINT");
      const code = await exited;
      clearTimeout(late);
      if (code !== 0) {
        throw new Error(`the relay did not end in good order (code ${code})`);
      }
    },
    kill: () => child.kill("SIGKILL"),
  };
}

/** relayURL is the front of the relay before the server under test. */
export const relayURL = process.env.CONFORMANCE_RELAY;

async function control(method, body) {
  const answer = await fetch(`${relayURL}/__relay`, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) {
    throw new Error(`the relay answered ${answer.status}: ${await answer.text()}`);
  }
  return answer.status === 204 ? undefined : answer.json();
}

/** inject makes the relay forget what it saw, and asks it for a fault: status and retryAfter, or redirect, and how many times. */
export async function inject(fault) {
  await control("DELETE");
  await control("POST", fault);
}

/** seen is what reached the Graph surface through the relay since then. */
export async function seen() {
  return (await control("GET")).seen.filter(({ target }) => target.startsWith("/v1.0/"));
}
