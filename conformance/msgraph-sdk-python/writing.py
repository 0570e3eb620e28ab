"""What surrounds a write: what the SDK sends back of what it read, and the headers."""

from checks import equal
from client import basic_connector, first, request, want_basic, want_error
from kiota_http.middleware.options import HeadersInspectionHandlerOption
from msgraph.generated.models.identity_api_connector import IdentityApiConnector


async def writing(suite, check):
    with check("GET, then PATCH of that very object"):
        item = suite.item(await suite.create("read and written"))
        await item.patch(await item.get())
        want_basic(await item.get(), "read and written")
    with check("GET, change, then PATCH of that very object"):
        item = suite.item(await suite.create("read and changed"))
        read = await item.get()
        read.display_name = "changed"
        await item.patch(read)
        want_basic(await item.get(), "changed")
    with check("PATCH of nothing"):
        item = suite.item(await suite.create("left alone"))
        equal(await item.patch(IdentityApiConnector()), None, "what patch returns")
        want_basic(await item.get(), "left alone")
    await preconditions(suite, check)
    with check("Prefer: return=representation answers the entity"):
        item = suite.item(await suite.create("preferred"))
        answered = await item.patch(IdentityApiConnector(display_name="represented"), request(Prefer="return=representation"))
        equal(answered.display_name, "represented", "displayName")
    with check("Idempotency-Key makes a POST once"):
        key = request(Idempotency_Key="conformance-python")
        made = [(await suite.connectors.post(basic_connector("once"), key)).id for _ in range(2)]
        equal(made[1], made[0], "the second id")
        await want_error(suite.connectors.post(basic_connector("something else"), key), 422, "UnprocessableEntity")
    with check("request-id, and client-request-id as it was sent"):
        mine = "7f4c1f0e-1d62-4c6a-9a3a-0b7b9d5f0e11"
        seen = HeadersInspectionHandlerOption()
        await suite.demo.get(request(None, seen, client_request_id=mine))
        equal(first(seen.response_headers, "client-request-id"), mine, "client-request-id")
        equal(len(first(seen.response_headers, "request-id")), 36, "the length of request-id")


async def preconditions(suite, check):
    with check("If-Match with the ETag that was read"):
        connector = await suite.create("matched")
        matching = request(If_Match=await suite.etag(connector))
        await suite.item(connector).patch(IdentityApiConnector(display_name="matched once"), matching)
        want_basic(await suite.item(connector).get(), "matched once")
    with check("If-Match with an ETag that is no longer so answers 412"):
        connector = await suite.create("moved on")
        item, old = suite.item(connector), request(If_Match=await suite.etag(connector))
        await item.patch(IdentityApiConnector(display_name="moved"))
        await want_error(item.patch(IdentityApiConnector(display_name="too late"), old), 412, "PreconditionFailed")
        await want_error(item.delete(old), 412, "PreconditionFailed")
        want_basic(await item.get(), "moved")
