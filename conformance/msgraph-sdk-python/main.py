"""msgraph-sdk with azure-identity, neither of them modified, against a started Patchbay binary.

Starts two Patchbay servers, of which one counts requests as strictly as Microsoft Graph, and the relay in front of the
first one, and runs the checks one after another, because each line of their report carries its time.
"""

import asyncio
import logging
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from checks import FOREIGN_HOST, GRAPH_HOST, Checks, Relay, Server, bundle


def main():
    # Refusals are what some checks are about; those that are not are in the check's own line.
    logging.basicConfig(handlers=[logging.NullHandler()])
    checks = Checks()
    with checks.group("the suite as a whole"), ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-conformance-")))

        def started(process):
            stack.callback(process.stop)
            return process

        server = started(Server(work / "server"))
        throttled = started(Server(work / "throttled", "--throttle", "graph"))
        relay = started(Relay(server, GRAPH_HOST, FOREIGN_HOST))

        # What a user gets from `set -a; . dev.env`. OpenSSL reads one file of authorities, and each server has its own; aiohttp
        # reads it once, when it is imported, so the SDK is not imported before.
        os.environ.update(server.env)
        os.environ["SSL_CERT_FILE"] = bundle(work / "bundle.pem", *(of.authority_file for of in (server, throttled, relay)))
        os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"]  # for the credentials that are not asynchronous
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            os.environ.pop(name, None)
            os.environ.pop(name.lower(), None)

        import batch
        import connectors
        import errors
        import faults
        import identities
        import reading
        import user_flows
        import writing
        from client import Suite

        async def run():
            async with Suite(work, server, throttled, relay) as suite:
                for name, group in (
                    ("tokens", identities.tokens),
                    ("founding examples", connectors.founding_examples),
                    ("life of a connector", connectors.life),
                    ("reading", reading.reading),
                    ("writing", writing.writing),
                    ("user flows", user_flows.user_flows),
                    ("batch", batch.batch),
                    ("errors", errors.errors),
                    ("faults on the way", faults.faults),
                    ("throttling", faults.throttling),
                ):
                    with checks.group(name) as check:
                        await group(suite, check)

        asyncio.run(run())
    checks.exit()


if __name__ == "__main__":
    main()
