"""What goes wrong between client and server, made by the relay, and the limit that Microsoft documents for this family."""

import os
import time
from unittest import mock

from checks import FOREIGN_HOST, GRAPH_HOST, equal
from client import Query, basic_connector, request, want_error
from kiota_http.middleware.options import RetryHandlerOption

LIMIT = 200  # requests a minute per application and tenant
ONCE = RetryHandlerOption(delay=0, max_retries=0, should_retry=False)


def seen(suite):
    """The requests to Graph that the relay saw: (status, Retry-Attempt)."""
    return [(to["status"], to["headers"].get("Retry-Attempt")) for to in suite.relay.seen()["seen"] if to["target"].startswith("/v1.0/")]


async def faults(suite, check):
    connectors = suite.connect(suite.credential, suite.relay.url).identity.api_connectors
    for status, title in (
        (503, "503 with Retry-After: the client waits, then succeeds"),
        (429, "429 with Retry-After: the client waits, then succeeds"),
    ):
        with check(title):
            suite.relay.forget()
            suite.relay.inject(status=status, retryAfter=1, times=1)
            begun = time.monotonic()
            created = await connectors.post(basic_connector(f"after {status}"))
            waited = time.monotonic() - begun
            assert waited >= 1, f"it waited {waited:.3f} s, want 1 s"
            equal(seen(suite), [(status, None), (201, ["1"])], "what was sent")
            await suite.item(created.id).delete()
    with check("503 for ever: the client gives up with its own error"):
        suite.relay.forget()
        suite.relay.inject(status=503, retryAfter=0, times=2)
        once = request(None, RetryHandlerOption(delay=0, max_retries=1))
        try:
            await connectors.get(once)
        except Exception as error:
            equal((type(error).__name__, error.response_status_code, error.error.code), ("ODataError", 503, "ServiceUnavailable"))
        else:
            raise AssertionError("answered with success")
        equal(seen(suite), [(503, None), (503, ["1"])], "what was sent")
    with check("a redirect to another host goes without the token"):
        # Both hosts are reached by the relay's proxy, which shows what arrives at them.
        with mock.patch.dict(os.environ, HTTPS_PROXY=suite.relay.proxy):
            connectors = suite.connect(suite.credential, f"https://{GRAPH_HOST}").identity.api_connectors
        suite.relay.forget()
        suite.relay.inject(redirect=f"https://{FOREIGN_HOST}/v1.0/identity/apiConnectors", times=1)
        await want_error(connectors.get(), 401, "InvalidAuthenticationToken")
        arrived = [(to["host"], "Authorization" in to["headers"]) for to in suite.relay.seen()["seen"]]
        equal(arrived, [(GRAPH_HOST, True), (FOREIGN_HOST, False)], "where what arrived, and whether with a token")
    suite.relay.forget()


async def throttling(suite, check):
    with check(f"429 after {LIMIT} requests in a minute, with Retry-After"):
        credential = suite.secret_credential(suite.throttled.developer, suite.throttled)
        connectors = suite.connect(credential, suite.throttled.url).identity.api_connectors

        def get():
            # Without ONCE the client waits as long as Retry-After says.
            return connectors.get(request(Query(top=1, select=["id"]), ONCE))

        for _ in range(LIMIT):
            await get()
        error = await want_error(get(), 429, "TooManyRequests")
        seconds = int(error.response_headers["retry-after"])
        # A minute, and the second in which the first request of it was made.
        assert 1 <= seconds <= 61, f"Retry-After is {seconds}"
        scope = error.response_headers["x-ms-throttle-scope"]
        assert scope.startswith("Tenant_Application/"), scope
