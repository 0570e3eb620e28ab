// The query options, on seven connectors named so that nothing else is met.

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { PageIterator } from "@microsoft/microsoft-graph-client";

import { client, connectors, create } from "../suite.mjs";

const mine = "startswith(displayName,'reading ')";
const names = [1, 2, 3, 4, 5, 6, 7].map((n) => `reading ${n}`);
const namesOf = ({ value }) => value.map(({ displayName }) => displayName);

describe("reading", () => {
  before(() => Promise.all(names.map(create)));

  for (const [name, filter, want] of [
    ["$filter eq", "displayName eq 'reading 3'", [names[2]]],
    ["$filter with names in another case, as Microsoft365DSC sends it", "DisplayName eq 'reading 3'", [names[2]]],
    ["$filter startswith", mine, names],
    ["$filter and, or, not, in", `${mine} and (displayName in ('reading 1','reading 2') or not (displayName lt 'reading 7'))`, [names[0], names[1], names[6]]],
    ["$filter contains on targetUrl", "contains(targetUrl,'/reading-5')", [names[4]]],
    ["$filter that matches nothing", "displayName eq 'it''s not here'", []],
  ]) {
    it(name, async () => assert.deepEqual(namesOf(await client.api(connectors).filter(filter).orderby("displayName").get()), want));
  }
  it("$orderby desc with $top and $skip", async () => {
    const page = await client.api(connectors).filter(mine).orderby("displayName desc").top(2).skip(1).get();
    assert.deepEqual(namesOf(page), [names[5], names[4]]);
  });
  it("$select leaves the rest out", async () => {
    const page = await client.api(connectors).filter("displayName eq 'reading 1'").select(["id", "displayName"]).get();
    assert.deepEqual(Object.keys(page.value[0]), ["id", "displayName"]);
    assert.equal(page["@odata.context"], `${process.env.PATCHBAY_URL}/v1.0/$metadata#identity/apiConnectors(id,displayName)`);
    const one = await client.api(`${connectors}/${page.value[0].id}`).select("displayName").get();
    assert.deepEqual(Object.keys(one), ["@odata.context", "displayName"]);
  });
  it("$count as a segment", async () => assert.equal(await client.api(`${connectors}/$count`).filter(mine).get(), "7"));
  it("$count as an option", async () => {
    const page = await client.api(connectors).filter(mine).count().top(1).get();
    assert.equal(page["@odata.count"], 7);
    assert.equal(page.value.length, 1);
  });
  it("PageIterator follows @odata.nextLink", async () => {
    const page = await client.api(connectors).filter(mine).orderby("displayName desc").top(3).get();
    assert.equal(page.value.length, 3);
    assert.ok(page["@odata.nextLink"]);
    const met = [];
    await new PageIterator(client, page, ({ displayName }) => met.push(displayName) > 0).iterate();
    assert.deepEqual(met, names.toReversed());
  });
  it("the same connectors under /beta", async () => {
    const page = await client.api(connectors).version("beta").filter(mine).orderby("displayName").get();
    assert.equal(page["@odata.context"], `${process.env.PATCHBAY_URL}/beta/$metadata#identity/apiConnectors`);
    assert.deepEqual(namesOf(page), names);
  });
});
