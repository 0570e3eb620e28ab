// One line per check of a suite, whatever runs it: client, version, ok or FAIL, time, check. What a check that failed had
// to say stands below its line.
//
//   node --test --test-reporter=../report.mjs …    as a reporter of node:test
//   go test -json . | node report.mjs              as a reader of go test
//   PROGRAM | node report.mjs                      as a reader of what any other runner prints, one JSON object a check:
//       {"check": ["batch", "a full batch of 20"], "passed": true, "milliseconds": 12, "details": ""}
//
// REPORT_CLIENT and REPORT_VERSION name the client.

import { realpathSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";

const { REPORT_CLIENT: client = "", REPORT_VERSION: version = "" } = process.env;

function line(passed, milliseconds, check, details = "") {
  const time = milliseconds >= 10_000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.round(milliseconds)} ms`;
  const row = `${client.padEnd(23)} ${version.padEnd(19)} ${passed ? "ok  " : "FAIL"} ${time.padStart(8)}  ${check}\n`;
  return row + details.replace(/^(?=.)/gm, "        ").replace(/([^\n])$/, "$1\n");
}

/** The reporter of node:test: a check is a test without tests in it, or one that failed by itself. */
export default async function* (source) {
  const open = []; // by nesting: the names of the tests that are running, and whether a line was written inside
  for await (const { type, data } of source) {
    if (type === "test:start") {
      open.length = data.nesting;
      open.push({ name: data.name, inside: false });
    } else if (type === "test:pass" || type === "test:fail") {
      const failed = type === "test:fail";
      const own = failed && data.details.error?.failureType !== "subtestsFailed";
      if (own || !open[data.nesting]?.inside) {
        open.slice(0, data.nesting).forEach((outer) => (outer.inside = true));
        const names = [...open.slice(0, data.nesting).map(({ name }) => name), data.name];
        yield line(!failed, data.details.duration_ms, names.join(": "), failed ? describe(data.details.error) : "");
      }
    } else if (type === "test:stderr" || type === "test:stdout") {
      yield data.message;
    }
  }
}

function describe(error) {
  const cause = error?.cause ?? error;
  return cause?.stack ?? inspect(cause);
}

/**
 * read turns what a runner prints into lines: checks that are ready to be shown, or the events of `go test -json`, of which a
 * check is a test without tests in it, or one that failed by itself.
 */
async function read(input) {
  const output = new Map(); // by test ("" for the package): what it printed
  const begun = new Map(); // by test: when; the times that Go itself gives are rounded to 10 ms
  const reported = new Set(); // tests that have a line inside them
  let lines = 0;
  for await (const text of createInterface({ input })) {
    let event;
    try {
      event = JSON.parse(text);
    } catch {
      process.stdout.write(`${text}\n`);
      continue;
    }
    if (event?.check) {
      process.stdout.write(line(event.passed, event.milliseconds, event.check.join(": "), event.details));
      continue;
    }
    const { Action: action, Test: name = "", Output: printed = "" } = event;
    const time = Date.parse(event.Time);
    if (action === "run") {
      begun.set(name, time);
    } else if (action === "output" || action === "build-output") {
      output.set(name, (output.get(name) ?? "") + (/^\s*(===|---) /.test(printed) ? "" : printed));
    } else if (name && (action === "pass" || action === "fail")) {
      const details = output.get(name) ?? "";
      const own = action === "fail" && details.trim() !== "";
      if (own || !reported.has(name)) {
        const path = name.split("/");
        path.forEach((_, i) => i > 0 && reported.add(path.slice(0, i).join("/")));
        // The name of the one Go function says nothing; Go writes spaces as underscores.
        const check = (path.length > 1 ? path.slice(1) : path).join(": ").replaceAll("_", " ");
        lines++;
        process.stdout.write(line(action === "pass", time - begun.get(name), check, action === "fail" ? details : ""));
      }
    } else if (action === "build-fail" || (action === "fail" && lines === 0)) {
      process.stdout.write(line(false, 0, "the suite as a whole", output.get("") ?? ""));
      output.delete("");
      lines++;
    }
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await read(process.stdin);
}
