"""The query options, on seven connectors named so that nothing else is met."""

from checks import equal
from client import Query, request
from msgraph.generated.identity.api_connectors.count.count_request_builder import CountRequestBuilder
from msgraph.generated.identity.api_connectors.item.identity_api_connector_item_request_builder import (
    IdentityApiConnectorItemRequestBuilder,
)
from msgraph_core import PageIterator

MINE = "startswith(displayName,'reading ')"
NAMES = [f"reading {n}" for n in range(1, 8)]

FILTERS = (
    ("$filter eq", "displayName eq 'reading 3'", NAMES[2:3]),
    ("$filter with names in another case, as Microsoft365DSC sends it", "DisplayName eq 'reading 3'", NAMES[2:3]),
    ("$filter startswith", MINE, NAMES),
    (
        "$filter and, or, not, in",
        f"{MINE} and (displayName in ('reading 1','reading 2') or not (displayName lt 'reading 7'))",
        [*NAMES[:2], NAMES[6]],
    ),
    ("$filter contains on targetUrl", "contains(targetUrl,'/reading-5')", NAMES[4:5]),
    ("$filter that matches nothing", "displayName eq 'it''s not here'", []),
)

CountQuery = CountRequestBuilder.CountRequestBuilderGetQueryParameters
ItemQuery = IdentityApiConnectorItemRequestBuilder.IdentityApiConnectorItemRequestBuilderGetQueryParameters


def want_selected(connector):
    equal((connector.id is None, connector.display_name), (False, "reading 1"), "what was selected")
    equal((connector.target_url, connector.authentication_configuration), (None, None), "what was not selected")


async def reading(suite, check):
    for name in NAMES:
        await suite.create(name)
    for name, text, want in FILTERS:
        with check(name):
            equal(await suite.names(filter=text, orderby=["displayName"]), want)
    with check("$orderby desc with $top and $skip"):
        equal(await suite.names(filter=MINE, orderby=["displayName desc"], top=2, skip=1), [NAMES[5], NAMES[4]])
    with check("$select leaves the rest out"):
        page = await suite.connectors.get(request(Query(filter="displayName eq 'reading 1'", select=["id", "displayName"])))
        equal(len(page.value), 1, "the number of connectors")
        want_selected(page.value[0])
        want_selected(await suite.item(page.value[0].id).get(request(ItemQuery(select=["id", "displayName"]))))
    with check("$count as a segment"):
        equal(await suite.connectors.count.get(request(CountQuery(filter=MINE))), 7)
    with check("$count as an option"):
        page = await suite.connectors.get(request(Query(filter=MINE, count=True, top=1)))
        equal((page.odata_count, len(page.value)), (7, 1))
    with check("PageIterator follows @odata.nextLink"):
        await pages(suite)


async def pages(suite):
    """Pages of two, of which the last one has one connector."""
    page = await suite.connectors.get(request(Query(filter=MINE, orderby=["displayName desc"], top=2)))
    equal((len(page.value), page.odata_next_link is None), (2, False), "the first page")
    met = []

    def meet(connector):
        met.append(connector.display_name)
        return True

    await PageIterator(page, suite.client.request_adapter).iterate(meet)
    equal(met, NAMES[::-1])
