// The query options, on seven connectors named so that nothing else is met.

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { createIdentityApiConnectorCollectionResponseFromDiscriminatorValue } from "@microsoft/msgraph-sdk/models/index.js";
import { PageIterator } from "@microsoft/msgraph-sdk-core";

import { errorMappings } from "../builders.mjs";
import { adapter, connectors, create, item } from "../suite.mjs";

const mine = "startswith(displayName,'reading ')";
const names = [1, 2, 3, 4, 5, 6, 7].map((n) => `reading ${n}`);
const list = (queryParameters) => connectors.get({ queryParameters });
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
    it(name, async () => assert.deepEqual(namesOf(await list({ filter, orderby: ["displayName"] })), want));
  }
  it("$orderby desc with $top and $skip", async () => {
    assert.deepEqual(namesOf(await list({ filter: mine, orderby: ["displayName desc"], top: 2, skip: 1 })), [names[5], names[4]]);
  });
  it("$select leaves the rest out", async () => {
    const page = await list({ filter: "displayName eq 'reading 1'", select: ["id", "displayName"] });
    assert.deepEqual(Object.keys(page.value[0]), ["id", "displayName"]);
    assert.equal(page.additionalData["@odata.context"], `${process.env.PATCHBAY_URL}/v1.0/$metadata#identity/apiConnectors(id,displayName)`);
    const one = await item(page.value[0].id).get({ queryParameters: { select: ["displayName"] } });
    assert.deepEqual([one.displayName, one.id, one.targetUrl, one.authenticationConfiguration], ["reading 1", undefined, undefined, undefined]);
  });
  it("$count as a segment", async () => assert.equal(await connectors.count.get({ queryParameters: { filter: mine } }), 7));
  it("$count as an option", async () => {
    const page = await list({ filter: mine, count: true, top: 1 });
    assert.equal(page.odataCount, 7);
    assert.equal(page.value.length, 1);
  });
  it("PageIterator follows @odata.nextLink", async () => {
    const page = await list({ filter: mine, orderby: ["displayName desc"], top: 3 });
    assert.equal(page.value.length, 3);
    assert.ok(page.odataNextLink);
    const met = [];
    const factory = createIdentityApiConnectorCollectionResponseFromDiscriminatorValue;
    await new PageIterator(adapter, page, ({ displayName }) => met.push(displayName) > 0, factory, errorMappings).iterate();
    assert.deepEqual(met, names.toReversed());
  });
  it("pages of 2 of 5, by withUrl", async () => {
    const met = [];
    let page = await list({ filter: `${mine} and displayName le 'reading 5'`, orderby: ["displayName"], top: 2 });
    for (; ; page = await connectors.withUrl(page.odataNextLink).get()) {
      met.push(namesOf(page));
      if (!page.odataNextLink) {
        break;
      }
    }
    assert.deepEqual(met, [names.slice(0, 2), names.slice(2, 4), names.slice(4, 5)]);
  });
});
