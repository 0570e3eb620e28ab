"""CLI for Microsoft 365, not one line of it changed, against a started Patchbay binary.

Its hosts are compiled in, so the relay leads graph.microsoft.com and login.microsoftonline.com to the server, and refuses all
others. Each command takes seconds, most of them to load the program, so the groups of checks go in three lanes beside each other.
"""

import http.client
import json
import ssl
import sys
import tempfile
import threading
import time
import urllib.parse
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path

from checks import Checks, Identity, Relay, Server, certificate_list, contains, equal
from cli import HOSTS, M365, Failed

CONNECTORS = "/identity/apiConnectors"
FLOWS = "/identity/b2xUserFlows"
FOREIGN_HOST = "nowhere.invalid"
LIMIT = 200  # requests a minute per application and tenant


def basic_connector(name, target_url=None):
    return {
        "displayName": name,
        "targetUrl": target_url or f"https://api.contoso.example/{name.replace(' ', '-')}",
        "authenticationConfiguration": {
            "@odata.type": "#microsoft.graph.basicAuthentication",
            "username": f"user of {name}",
            "password": f"password of {name}",
        },
    }


def pkcs12(identity):
    return {"@odata.type": "#microsoft.graph.pkcs12Certificate", "pkcs12Value": identity.pkcs12_value, "password": identity.password}


def want_certificates(connector, *identities):
    shown = {"@odata.type": "#microsoft.graph.clientCertificateAuthentication", "certificateList": certificate_list(*identities)}
    equal(connector["authenticationConfiguration"], shown)


class Lane:
    """What the checks of a lane share: a relay of their own and whoever is signed in."""

    def __init__(self, work, server, relay):
        work.mkdir()
        self.work, self.server, self.relay = work, server, relay
        self._homes = 0
        self.demo = f"{CONNECTORS}/{server.connector}"

    def signed_out(self):
        self._homes += 1
        return M365(self.work / f"home-{self._homes}", self.relay)

    @cached_property
    def m365(self):
        m365, developer = self.signed_out(), self.server.developer
        m365.login(developer, "--authType", "secret", "--secret", developer.secret)
        return m365

    def tokens(self, check):
        developer, registered = self.server.developer, Identity(self.work, "application", "open sesame")
        self.server.add_certificate(developer, registered.certificate_file)
        with check("login --authType secret"):
            said = self.signed_out().login(developer, "--authType", "secret", "--secret", developer.secret)
            equal((said["authType"], said["appId"], said["appTenant"]), ("secret", developer.client, developer.tenant))
        with check("login --authType certificate, a PEM file"):
            m365 = self.signed_out()
            m365.login(developer, "--authType", "certificate", "--certificateFile", str(registered.pem_file))
            equal(m365.request("get", self.demo)["id"], self.server.connector)
        with check("login --authType certificate, a PKCS#12 file with a password"):
            file = self.work / "application.pfx"
            file.write_bytes(registered.pfx)
            said = self.signed_out().login(developer, "--authType", "certificate", "--certificateFile", str(file), "--password", registered.password)
            equal(said["authType"], "certificate")
        for title, code, credential in (
            ("a wrong secret is refused", 7000215, ("secret", "--secret", "not the secret")),
            ("a certificate that was not registered is refused", 700027, ("certificate", "--certificateFile", str(Identity(self.work, "stranger").pem_file))),
        ):
            with check(title):
                try:
                    self.signed_out().login(developer, "--authType", *credential)
                except Failed as failed:
                    equal(failed.code, 1, "the exit code")
                    contains(failed.message, "invalid_client", f"AADSTS{code}: ")
                else:
                    raise AssertionError("it signed in")

    def founding_examples(self, check):
        with check("1: PATCH with Basic answers 204"):
            body = {
                "displayName": "New Test API",
                "targetUrl": "https://otherapi.com/api/endpoint",
                "authenticationConfiguration": {
                    "@odata.type": "microsoft.graph.basicAuthentication",
                    "username": "<NEW_USERNAME>",
                    "password": "<NEW_PASSWORD>",
                },
            }
            m365 = self.m365
            self.relay.forget()
            equal(m365.request("patch", self.demo, body), "", "what is printed")
            seen = self.relay.seen()
            equal([to["status"] for to in seen["seen"]], [204], "what was answered")
            equal((seen["connects"], seen["refused"]), ({"graph.microsoft.com:443": 1}, {}), "the hosts that it asked for")
            shown = {"@odata.type": "#microsoft.graph.basicAuthentication", "username": "<NEW_USERNAME>", "password": "******"}
            want = body | {"id": self.server.connector, "authenticationConfiguration": shown}
            # The program believes that it speaks to graph.microsoft.com, and so does the answer.
            want["@odata.context"] = "https://graph.microsoft.com/v1.0/$metadata#identity/apiConnectors/$entity"
            equal(self.m365.request("get", self.demo), want)
        with check("2: PATCH with PKCS#12 answers 204"):
            identity = Identity(self.work, "founding example", "<CERTIFICATE_PASSWORD>")
            body = {"displayName": "New Test API", "targetUrl": "https://otherapi.com/api/endpoint", "authenticationConfiguration": pkcs12(identity)}
            equal(self.m365.request("patch", self.demo, body), "", "what is printed")
            want_certificates(self.m365.request("get", self.demo), identity)

    def life(self, check):
        url = "https://api.contoso.example/life?code=a+b&x=ü"
        first, second = Identity(self.work, "first", "open sesame"), Identity(self.work, "second")
        with check("create answers the entity"):
            created = self.m365.request("post", CONNECTORS, basic_connector("life", url))
            item = f"{CONNECTORS}/{created['id']}"
            shown = {"@odata.type": "#microsoft.graph.basicAuthentication", "username": "user of life", "password": "******"}
            equal(created["authenticationConfiguration"], shown)
        with check("list shows it"):
            contains([one["displayName"] for one in self.m365.request("get", CONNECTORS)["value"]], "life")
        with check("update changes what is given and keeps the rest"):
            body = {"displayName": "a new life", "authenticationConfiguration": {"@odata.type": "#microsoft.graph.basicAuthentication", "password": "another"}}
            read = self.m365.request("patch", item, body, prefer="return=representation")
            equal((read["displayName"], read["targetUrl"], read["authenticationConfiguration"]["username"]), ("a new life", url, "user of life"))
        with check("update from Basic to a certificate"):
            want_certificates(self.m365.request("patch", item, {"authenticationConfiguration": pkcs12(first)}, prefer="return=representation"), first)
        with check("uploadClientCertificate appends and answers the entity"):
            body = {"pkcs12Value": second.pkcs12_value, "password": second.password}
            want_certificates(self.m365.request("post", f"{item}/uploadClientCertificate", body), first, second)
        with check("get reads it back"):
            read = self.m365.request("get", item)
            equal((read["displayName"], read["targetUrl"]), ("a new life", url))
            want_certificates(read, first, second)
        with check("delete answers nothing"):
            equal(self.m365.request("delete", item), "", "what is printed")
        with check("get afterwards answers 404"):
            self.m365.want_error("get", item, 404, "ResourceNotFound", created["id"])

    def reading(self, check):
        names = [f"reading {n}" for n in range(1, 6)]
        steps = [
            {"id": name, "method": "POST", "url": CONNECTORS, "headers": {"Content-Type": "application/json"}, "body": basic_connector(name)} for name in names
        ]
        with check("a $batch, written by hand"):
            answered = self.m365.request("post", "/$batch", {"requests": steps})["responses"]
            equal({one["id"]: one["status"] for one in answered}, dict.fromkeys(names, 201))
        with check("pages of 2 of 5, over @odata.nextLink, with $filter, $select and $orderby"):
            url = f"{CONNECTORS}?$filter=startswith(displayName,'reading ')&$select=displayName&$orderby=displayName desc&$top=2"
            met = []
            while url:
                page = self.m365.request("get", url)
                met.append([one["displayName"] for one in page["value"]])
                url = page.get("@odata.nextLink")
            equal(met, [["reading 5", "reading 4"], ["reading 3", "reading 2"], ["reading 1"]])
        with check("a request to the server's own address, with --resource"):
            equal(self.m365.request("get", f"{self.server.url}/v1.0{self.demo}", resource="https://graph.microsoft.com")["id"], self.server.connector)
        with check("--query and --output text"):
            url = f"@graph{CONNECTORS}?$filter=displayName eq 'reading 3'"
            equal(self.m365.run("request", "--url", url, "--query", "value[].targetUrl", "--output", "text"), "https://api.contoso.example/reading-3\n")

    def user_flows(self, check):
        flow = f"{FLOWS}/B2X_1_m365"
        reference = f"{flow}/apiConnectorConfiguration/postAttributeCollection/$ref"
        connector = self.m365.request("post", CONNECTORS, basic_connector("of a user flow"))["id"]
        with check("create a user flow"):
            created = self.m365.request("post", FLOWS, {"id": "m365", "userFlowType": "signUpOrSignIn", "userFlowTypeVersion": 1})
            equal((created["id"], created["userFlowType"]), ("B2X_1_m365", "signUpOrSignIn"))
        with check("PUT $ref links a step, and $expand shows it"):
            self.m365.request("put", reference, {"@odata.id": f"https://graph.microsoft.com/v1.0{CONNECTORS}/{connector}"})
            read = self.m365.request("get", f"{flow}/apiConnectorConfiguration?$expand=postFederationSignup,postAttributeCollection")
            equal((read["postAttributeCollection"]["id"], read["postFederationSignup"]), (connector, None))
        with check("a connector in use is not deleted: 409"):
            self.m365.want_error("delete", f"{CONNECTORS}/{connector}", 409, "Conflict", "B2X_1_m365")
        with check("DELETE $ref unlinks a step, and then both go"):
            for path in (reference, flow, f"{CONNECTORS}/{connector}"):
                self.m365.request("delete", path)

    def errors(self, check):
        with check("400 for an unknown property, by its name"):
            self.m365.want_error("post", CONNECTORS, 400, "RequestBodyRead", "colour", body=basic_connector("wrong") | {"colour": "red"})
        with check("400 AADB2C90213 for a wrong PKCS#12 password"):
            wrong = pkcs12(Identity(self.work, "good", "secret")) | {"password": "not it"}
            self.m365.want_error("patch", self.demo, 400, "AADB2C90213", "password", body={"authenticationConfiguration": wrong})
        with check("401 without a token"):
            self.m365.want_error("get", self.demo, 401, "InvalidAuthenticationToken", x_anonymous="true")
        with check("403 for a write with Read.All, which may read"):
            reader, m365 = self.server.add_application("m365 reader", "APIConnectors.Read.All"), self.signed_out()
            m365.login(reader, "--authType", "secret", "--secret", reader.secret)
            equal(m365.request("get", self.demo)["id"], self.server.connector)
            m365.want_error("patch", self.demo, 403, "AADB2C", "APIConnectors.ReadWrite.All", body={"displayName": "forbidden"})
        with check("412 for an If-Match that is no longer so"):
            self.m365.want_error("patch", self.demo, 412, "PreconditionFailed", body={"displayName": "too late"}, if_match='W/"0"')
        with check("Idempotency-Key makes a POST once: 422 for another body"):
            key = {"idempotency_key": "conformance-m365"}
            first = self.m365.request("post", CONNECTORS, basic_connector("once"), **key)["id"]
            equal(self.m365.request("post", CONNECTORS, basic_connector("once"), **key)["id"], first, "the id of the second answer")
            self.m365.want_error("post", CONNECTORS, 422, "UnprocessableEntity", body=basic_connector("something else"), **key)

    def faults(self, check):
        for status in (503, 429):
            with check(f"{status} with Retry-After: the client waits, then succeeds"):
                self.relay.forget()
                self.relay.inject(status=status, retryAfter=1, times=1)
                equal(self.m365.request("get", self.demo)["id"], self.server.connector)
                want_waited(self.relay, status, 1)
        with check("a redirect to another host does not take the token along"):
            # The foreign host can be reached, by the relay's proxy, which shows what arrives there.
            self.relay.forget()
            self.relay.inject(redirect=f"https://{FOREIGN_HOST}/v1.0{CONNECTORS}", times=1)
            self.m365.want_error("get", self.demo, 401, "InvalidAuthenticationToken")
            arrived = [(to["host"], "Authorization" in to["headers"]) for to in self.relay.seen()["seen"]]
            equal(arrived, [("graph.microsoft.com", True), (FOREIGN_HOST, False)], "where, with a token")
        with check("a redirect to a host that does not exist fails"):
            self.relay.forget()
            self.relay.inject(redirect=f"https://other.{FOREIGN_HOST}/v1.0{CONNECTORS}", times=1)
            with suppress(Failed):
                self.m365.request("get", self.demo)
                raise AssertionError("answered with success")
            equal(self.relay.seen()["refused"], {f"other.{FOREIGN_HOST}:443": 1}, "what the proxy refused")


def sent(relay):
    """The requests to Graph that the relay saw."""
    return [to for to in relay.seen()["seen"] if to["target"].startswith("/v1.0/")]


def want_waited(relay, status, seconds):
    """Checks that there were two requests, of which the second came as long after the first as it was told to wait."""
    first, second = sent(relay)
    equal((first["status"], second["status"]), (status, 200), "what was answered")
    waited = (second["at"] - first["at"]) / 1000
    assert waited >= seconds, f"it waited {waited:.3f} s, want {seconds} s"


class Throttled(threading.Thread):
    """The limit that Microsoft documents for this family. To be over it takes a minute, so that goes on beside the lanes.

    The program repeats what was answered 429 for ever; it is the server's Retry-After that makes an end of it.
    """

    def __init__(self, lane):
        super().__init__(daemon=True)
        self._lane, self._error = lane, None
        self.start()

    def run(self):
        try:
            self._exceed()
        except Exception as error:
            self._error = error

    def _exceed(self):
        lane = self._lane
        m365 = lane.m365  # signed in, before the limit is used up
        allowed_again = self._use_up(lane.server)
        lane.relay.forget()
        contains(m365.request("get", CONNECTORS), "value")
        first, second = sent(lane.relay)
        equal((first["status"], second["status"]), (429, 200), "what was answered")
        late = second["at"] / 1000 - allowed_again
        # Retry-After is in whole seconds, and the machine may be slow.
        assert -2 < late < 60, f"it came {late:.3f} s after the time that Retry-After had said"

    def _use_up(self, server):
        """Makes as many requests as are allowed and one more, and returns when Retry-After says that there may be another."""
        developer, url = server.developer, urllib.parse.urlsplit(server.url)
        connection = http.client.HTTPSConnection(url.netloc, context=ssl.create_default_context(cafile=server.authority_file))
        form = {"grant_type": "client_credentials", "client_id": developer.client, "client_secret": developer.secret, "scope": "https://graph.microsoft.com/.default"}
        connection.request(
            "POST", f"/{developer.tenant}/oauth2/v2.0/token", urllib.parse.urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"}
        )
        token = json.load(connection.getresponse())["access_token"]
        for _ in range(LIMIT + 1):
            connection.request("GET", f"/v1.0{CONNECTORS}?$top=1", headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            answer.read()
        equal(answer.status, 429, f"the answer to request {LIMIT + 1}")
        return time.time() + int(answer.headers["Retry-After"])

    def throttling(self, check):
        with check(f"429 after {LIMIT} requests in a minute: the client waits as long as Retry-After says, then succeeds"):
            self.join()
            if self._error:
                raise self._error


class Lines:
    """Standard output for several threads, which print whole lines and then flush."""

    def __init__(self, to):
        self._to, self._lock, self._own = to, threading.Lock(), threading.local()

    def write(self, text):
        self._own.text = getattr(self._own, "text", "") + text

    def flush(self):
        with self._lock:
            self._to.write(getattr(self._own, "text", ""))
            self._to.flush()
        self._own.text = ""


def main():
    sys.stdout = Lines(sys.stdout)
    checks = Checks()

    def run(*groups):
        for name, group in groups:
            with checks.group(name) as check:
                group(check)

    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-conformance-")))

        def started(process):
            stack.callback(process.stop)
            return process

        server = started(Server(work / "server"))
        throttled = started(Server(work / "throttled", "--throttle", "graph"))
        beside = Throttled(Lane(work / "lane-0", throttled, started(Relay(throttled, *HOSTS))))
        one, two, three = (Lane(work / f"lane-{n}", server, started(Relay(server, *HOSTS, FOREIGN_HOST))) for n in (1, 2, 3))
        lanes = [
            threading.Thread(target=run, args=groups, daemon=True)
            for groups in (
                (("tokens", one.tokens), ("founding examples", one.founding_examples), ("faults on the way", one.faults)),
                (("life of a connector", two.life), ("user flows", two.user_flows)),
                (("reading", three.reading), ("errors", three.errors)),
            )
        ]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        run(("throttling", beside.throttling))
    checks.exit()


if __name__ == "__main__":
    main()
