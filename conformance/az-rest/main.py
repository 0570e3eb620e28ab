"""`az rest` of the Azure CLI, not modified, against a started Patchbay binary.

The hosts that are compiled into az, login.microsoftonline.com and graph.microsoft.com, lead to Patchbay by the relay's CONNECT
proxy. So does management.azure.com, but there the relay itself says that there are no subscriptions.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import administration
import connectors
import errors
import reading
from az import LOGIN_HOST, MANAGEMENT_HOST, Az
from checks import FOREIGN_HOST, GRAPH_HOST, Checks, Relay, Server


class Suite:
    """What the checks share: the servers, a place for files, and an az that the developer of the first server logged in."""

    def __init__(self, work, started):
        self.work = work
        self.server = started(Server(work / "server"))
        self.throttled = started(Server(work / "throttled", "--throttle", "graph"))
        hosts = (GRAPH_HOST, LOGIN_HOST, MANAGEMENT_HOST)
        self.relay = started(Relay(self.server, *hosts, FOREIGN_HOST))
        self.throttled_relay = started(Relay(self.throttled, *hosts))
        self.demo = f"/v1.0/identity/apiConnectors/{self.server.connector}"
        self.az = None
        self.az = self.new("developer")

    def new(self, name, relay=None):
        """Makes an az with a configuration of its own, which nobody has logged in."""
        az = Az(self.work / f"az-{name}", relay or self.relay)
        az.point(self.az)
        return az


def main():
    checks = Checks()
    with checks.group("the suite as a whole"), ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-conformance-")))

        def started(process):
            stack.callback(process.stop)
            return process

        suite = Suite(work, started)
        for name, group in (
            ("tokens", administration.tokens),
            ("founding examples", connectors.founding_examples),
            ("life of a connector", connectors.life),
            ("reading", reading.reading),
            ("user flows", administration.user_flows),
            ("batch", reading.batch),
            ("errors", errors.errors),
            ("runtime", administration.runtime),
            ("faults on the way", errors.faults),
            ("throttling", errors.throttling),
            ("a cloud of its own", administration.cloud),
        ):
            with checks.group(name) as check:
                group(suite, check)
    checks.exit()


if __name__ == "__main__":
    main()
