"""The query options, on five connectors that one $batch made, and $batch itself."""

from az import CONNECTORS
from checks import equal
from connectors import basic_connector

MINE = "startswith(displayName,'reading ')"
NAMES = [f"reading {n}" for n in range(1, 6)]
ITEMS = CONNECTORS.removeprefix("/v1.0")


def step(name, method, url, body=None, **more):
    """A request of a batch."""
    content = {"body": body, "headers": {"Content-Type": "application/json"}} if body else {}
    return {"id": name, "method": method, "url": url, **content, **more}


def send(az, *steps):
    """Sends a batch and returns the answers by id."""
    return {answer["id"]: answer for answer in az.rest("post", "/v1.0/$batch", {"requests": steps})["responses"]}


def names(page):
    return [connector["displayName"] for connector in page["value"]]


def reading(suite, check):
    az = suite.az
    made = send(az, *(step(name, "POST", ITEMS, basic_connector(name)) for name in NAMES))
    equal({answer["status"] for answer in made.values()}, {201}, "the statuses of the batch")
    with check("$filter eq"):
        equal(names(az.rest("get", CONNECTORS, filter="displayName eq 'reading 3'")), NAMES[2:3])
    with check("$filter and, or, not, in"):
        text = f"{MINE} and (displayName in ('reading 1','reading 2') or not (displayName lt 'reading 5'))"
        equal(names(az.rest("get", CONNECTORS, filter=text, orderby="displayName")), [*NAMES[:2], NAMES[4]])
    with check("$orderby desc with $top and $skip"):
        equal(names(az.rest("get", CONNECTORS, filter=MINE, orderby="displayName desc", top=2, skip=1)), [NAMES[3], NAMES[2]])
    with check("$select leaves the rest out"):
        page = az.rest("get", CONNECTORS, filter="displayName eq 'reading 1'", select="id,displayName")
        equal(set(page["value"][0]), {"id", "displayName"}, "what is there")
    with check("$count as an option"):
        page = az.rest("get", CONNECTORS, filter=MINE, count="true", top=1)
        equal((page["@odata.count"], len(page["value"])), (5, 1))
    with check("@odata.nextLink leads through the pages"):
        page = az.rest("get", CONNECTORS, filter=MINE, orderby="displayName desc", top=2)
        met, pages = names(page), 1
        while "@odata.nextLink" in page:
            page = az.rest("get", page["@odata.nextLink"])
            met, pages = met + names(page), pages + 1
        equal((met, pages), (NAMES[::-1], 3))


def batch(suite, check):
    az = suite.az
    created = az.rest("post", CONNECTORS, basic_connector("batched"))["id"]
    with check("reads, writes and fails, each step for itself"):
        answers = send(
            az,
            step("change", "PATCH", f"{ITEMS}/{created}", {"displayName": "batched and changed"}),
            step("read", "GET", f"{ITEMS}/{created}", dependsOn=["change"]),
            step("missing", "GET", f"{ITEMS}/no-such-connector"),
        )
        equal({name: answer["status"] for name, answer in answers.items()}, {"change": 204, "read": 200, "missing": 404}, "the statuses")
        equal(answers["read"]["body"]["displayName"], "batched and changed", "displayName")
        equal(answers["missing"]["body"]["error"]["code"], "ResourceNotFound", "code")
    with check("a step whose dependency failed answers 424"):
        answers = send(az, step("missing", "GET", f"{ITEMS}/no-such-connector"), step("dependent", "GET", ITEMS, dependsOn=["missing"]))
        equal(answers["dependent"]["status"], 424, "the status")
    with check("a full batch of 20"):
        answers = send(az, *(step(str(n), "GET", f"{ITEMS}/{created}") for n in range(20)))
        equal([answer["status"] for answer in answers.values()], [200] * 20, "the statuses")
