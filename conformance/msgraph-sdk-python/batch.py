"""The SDK's batch builder.

Three faults of msgraph-core 1.5 show here, as they do at Microsoft Graph: it gives a step the absolute URL of its request,
which is to be made relative by hand; it writes depends_on for dependsOn, which orders nothing; and of an answer it keeps the
statuses and the headers, but no body that is JSON, so that bodies are read from the very answer here.
"""

import json

from checks import contains, equal
from msgraph.generated.models.identity_api_connector import IdentityApiConnector
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem

ERRORS = {"XXX": ODataError}


def step(suite, information, **options):
    """Makes what a request builder built a step of a batch."""
    item = BatchRequestItem(information, **options)
    item.url = item.url.removeprefix(suite.client.request_adapter.base_url)
    return item


async def send(suite, *steps):
    """Sends a batch as a program does, and returns the statuses by id."""
    content = BatchRequestContent({item.id: item for item in steps})
    return (await suite.client.batch.post(content, ERRORS)).get_response_status_codes()


async def bodies(suite, *steps):
    """Sends a batch and returns the bodies by id, read from the very answer."""
    adapter = suite.client.request_adapter
    information = await suite.client.batch.to_post_request_information(BatchRequestContent({item.id: item for item in steps}))
    answer = json.loads(await adapter.send_primitive_async(information, "bytes", ERRORS))
    return {response["id"]: response.get("body") for response in answer["responses"]}


async def batch(suite, check):
    with check("reads, writes and fails, each step for itself"):
        item = suite.item(await suite.create("batched"))

        def steps(name):
            change = IdentityApiConnector(display_name=name)
            return (
                step(suite, item.to_patch_request_information(change), id="change"),
                step(suite, item.to_get_request_information(), id="read", depends_on=["change"]),
                step(suite, suite.item("no-such-connector").to_get_request_information(), id="missing"),
            )

        equal(await send(suite, *steps("batched and changed")), {"change": 204, "read": 200, "missing": 404}, "the statuses")
        equal((await item.get()).display_name, "batched and changed", "displayName")
        answered = await bodies(suite, *steps("batched once more"))
        equal(answered["read"]["displayName"], "batched once more", "displayName")
        equal(answered["missing"]["error"]["code"], "ResourceNotFound", "code")
    with check("a full batch of 20"):
        statuses = await send(suite, *(step(suite, suite.demo.to_get_request_information()) for _ in range(20)))
        equal(list(statuses.values()), [200] * 20, "the statuses")
    with check("400 for an absolute url, as the SDK makes it"):

        def absolute():
            return BatchRequestItem(suite.demo.to_get_request_information(), id="absolute")

        equal(await send(suite, absolute()), {"absolute": 400}, "the status")
        error = (await bodies(suite, absolute()))["absolute"]["error"]
        equal(error["code"], "BadRequest", "code")
        contains(error["message"], "relative", "/identity/apiConnectors")
