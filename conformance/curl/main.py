"""curl against a started Patchbay binary: what README.md and `patchbay dev` tell people to paste, and the rest of the surface.

The checks go one after another, because each line of their report carries its time.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import graph
from checks import Checks, Relay, Server, bundle, equal
from client import CONNECTORS, Curl
from printed import Printed, printed
from runtime import runtime

LIMIT = 200  # requests a minute per application and tenant


def faults(curl, relay, check):
    """What goes wrong on the way. A command line tells curl what to do then: --retry, -L."""

    def seen():
        return [to for to in relay.seen()["seen"] if to["target"].startswith("/v1.0/")]

    for status in (503, 429):
        with check(f"{status} with Retry-After: the client waits, then succeeds"):
            relay.forget()
            relay.inject(status=status, retryAfter=2, times=1)
            curl(CONNECTORS, "--retry", "2").want(200)
            first, second = seen()
            equal((first["status"], second["status"]), (status, 200), "what was answered")
            waited = (second["at"] - first["at"]) / 1000
            assert waited >= 2, f"it waited {waited:.3f} s, want 2 s"
    with check("a redirect is not followed, unless it is told to"):
        relay.forget()
        relay.inject(redirect="https://nowhere.invalid/v1.0/identity/apiConnectors", times=1)
        curl(CONNECTORS).want(302)
    with check("a redirect to another host does not take the token along"):
        relay.forget()
        elsewhere = relay.url.replace("localhost", "127.0.0.1")  # the same relay, under another name
        relay.inject(redirect=f"{elsewhere}{CONNECTORS}", times=1)
        curl(CONNECTORS, "-L").want_error(401, "InvalidAuthenticationToken")
        arrived = [(to["host"].partition(":")[0], "Authorization" in to["headers"]) for to in seen()]
        equal(arrived, [("localhost", True), ("127.0.0.1", False)], "where, with a token")
    with check("a redirect to a host that does not exist: exit code 6"):
        relay.forget()
        relay.inject(redirect="https://nowhere.invalid/v1.0/identity/apiConnectors", times=1)
        equal(curl(CONNECTORS, "-L").code, 6, "the exit code")


def throttling(curl, check):
    with check(f"429 after {LIMIT} requests in a minute, with Retry-After"):
        # One command, so many requests: curl counts in the brackets.
        curl(f"{CONNECTORS}?$top=[1-{LIMIT}]")
        refused = curl(CONNECTORS).want_error(429, "TooManyRequests")
        seconds = int(refused.headers["retry-after"])
        # A minute, and the second in which the first request of it was made.
        assert 1 <= seconds <= 61, f"Retry-After is {seconds}"
        assert refused.headers["x-ms-throttle-scope"].startswith("Tenant_Application/"), refused.headers["x-ms-throttle-scope"]


def main():
    checks = Checks()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-conformance-")))

        def started(process):
            stack.callback(process.stop)
            return process

        dev = started(Printed(work / "printed"))
        with checks.group("as it is printed") as check:
            printed(dev, check)
        server = started(Server(work / "server"))
        throttled = started(Server(work / "throttled", "--throttle", "graph"))
        relay = started(Relay(server))
        authorities = bundle(work / "bundle.pem", *(of.authority_file for of in (server, throttled, relay)))

        def connect(protocol, url, token=None):
            return Curl(protocol, url, authorities, work, token)

        def signed_in(protocol, url, at):
            return connect(protocol, url, connect(protocol, at.url).token(at.developer).want(200).json["access_token"])

        for protocol in ("1.1", "2"):
            curl = signed_in(protocol, server.url, server)
            for name, group, signed in (
                ("tokens", graph.tokens, False),
                ("founding examples", graph.founding_examples, True),
                ("life of a connector", graph.life, True),
                ("reading", graph.reading, True),
                ("writing", graph.writing, True),
                ("user flows", graph.user_flows, True),
                ("batch", graph.batch, True),
                ("errors", graph.errors, True),
            ):
                with checks.group(f"HTTP/{protocol}: {name}") as check:
                    group(curl if signed else curl.with_token(None), server, check)
        with checks.group("runtime") as check:
            runtime(connect("2", server.url), server, check)
        with checks.group("faults on the way") as check:
            faults(signed_in("2", relay.url, server), relay, check)
        with checks.group("throttling") as check:
            throttling(signed_in("2", throttled.url, throttled), check)
    checks.exit()


if __name__ == "__main__":
    main()
