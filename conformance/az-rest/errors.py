"""Every failure is exit code 1, HTTP's reason and Graph's error on stderr. az rest retries nothing."""

import ssl
import urllib.request

from az import CONNECTORS, GRAPH, Refused, want_error
from checks import FOREIGN_HOST, GRAPH_HOST, Identity, contains, equal
from connectors import basic_connector, certificate_connector, upload

NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"
LIMIT = 200  # requests a minute per application and tenant

BODIES = (
    ("400 for a required property that is absent", {"targetUrl": ...}, "AADB2C", "targetUrl"),
    ("400 for a displayName that is no string", {"displayName": 7}, "RequestBodyRead", "displayName"),
    ("400 for an unknown property, by its name", {"colour": "red"}, "RequestBodyRead", "colour"),
    (
        "400 for an authentication configuration without a type",
        {"authenticationConfiguration": {"username": "u", "password": "p"}},
        "AADB2C",
        "@odata.type",
    ),
)


def errors(suite, check):
    az = suite.az
    for name, change, code, text in BODIES:
        with check(name), want_error("Bad Request", code, text):
            body = basic_connector("wrong") | change
            az.rest("post", CONNECTORS, {name: value for name, value in body.items() if value is not ...})
    with check("400 for a $filter on an unknown property"), want_error("Bad Request", "BadRequest", "colour"):
        az.rest("get", CONNECTORS, filter="colour eq 'red'")
    good = Identity(suite.work, "good", "secret")
    with check("400 AADB2C90213 for a wrong PKCS#12 password"), want_error("Bad Request", "AADB2C90213", "password"):
        body = certificate_connector(good)
        body["authenticationConfiguration"]["password"] = "not it"
        az.rest("patch", suite.demo, body)
    with check("401 for no token"), want_error("Unauthorized", "InvalidAuthenticationToken"):
        az("rest", "--url", GRAPH + CONNECTORS, "--skip-authorization-header")
    strangers(suite, check)
    with check("404 for an unknown id, in every operation"):
        nobody = f"{CONNECTORS}/{NO_SUCH_ID}"
        for method, path, body in (
            ("get", nobody, None),
            ("patch", nobody, {"displayName": "nobody"}),
            ("post", f"{nobody}/uploadClientCertificate", upload(good)),
            ("delete", nobody, None),
        ):
            with want_error("Not Found", "ResourceNotFound", NO_SUCH_ID):
                az.rest(method, path, body)
    with check("If-Match with an ETag that is no longer so answers 412"), want_error("Precondition Failed", "PreconditionFailed"):
        az.rest("delete", suite.demo, headers={"If-Match": 'W/"no longer"'})


def strangers(suite, check):
    """Those who may not, or not here."""
    with check("403 for a write with Read.All, which may read"):
        reader = suite.new("reader")
        reader.login(suite.server.add_application("az reader", "APIConnectors.Read.All"))
        assert reader.rest("get", CONNECTORS)["value"], "the list is empty"
        with want_error("Forbidden", "AADB2C", "APIConnectors.ReadWrite.All"):
            reader.rest("post", CONNECTORS, basic_connector("forbidden"))
    with check("404 for another tenant's connector"):
        neighbour = suite.new("neighbour")
        tenant = suite.server.add_tenant("fabrikam.example")
        neighbour.login(suite.server.add_application("az neighbour", "APIConnectors.ReadWrite.All", tenant=tenant))
        for method in ("get", "delete"):
            with want_error("Not Found", "ResourceNotFound"):
                neighbour.rest(method, suite.demo)
        equal(neighbour.rest("get", CONNECTORS)["value"], [], "the neighbour's list")


def faults(suite, check):
    """What goes wrong between client and server, made by the relay."""
    az, relay = suite.az, suite.relay
    for status, reason, title in (
        (503, "Service Unavailable", "503 with Retry-After: az does not retry, and says so"),
        (429, "Too Many Requests", "429 with Retry-After: az does not retry, and says so"),
    ):
        with check(title):
            relay.forget()
            relay.inject(status=status, retryAfter=1, times=1)
            try:
                az.rest("get", CONNECTORS)
            except Refused as refused:
                equal(refused.code, 1, "the exit code")
                contains(refused.message, f"ERROR: {reason}(")
            else:
                raise AssertionError("az went well")
            equal([to["status"] for to in relay.seen()["seen"]], [status], "what was answered")
    with check("a redirect to another host goes without the token"):
        # The foreign host can be reached, by the relay's proxy, which shows what arrives there.
        relay.forget()
        relay.inject(redirect=f"https://{FOREIGN_HOST}{CONNECTORS}", times=1)
        with want_error("Unauthorized", "InvalidAuthenticationToken"):
            az.rest("get", CONNECTORS)
        arrived = [(to["host"], "Authorization" in to["headers"]) for to in relay.seen()["seen"]]
        equal(arrived, [(GRAPH_HOST, True), (FOREIGN_HOST, False)], "where what arrived, and whether with a token")
    relay.forget()


def throttling(suite, check):
    az, server = suite.new("throttled", suite.throttled_relay), suite.throttled
    az.login(server.developer)
    with check(f"429 after {LIMIT} requests in a minute"):
        # az takes too long for so many, so they are made with its token.
        token = az("account", "get-access-token", "--resource", GRAPH)["accessToken"]
        context = ssl.create_default_context(cafile=server.authority_file)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        opener.addheaders = [("Authorization", f"Bearer {token}")]
        for _ in range(LIMIT):
            opener.open(f"{server.url}{CONNECTORS}?$top=1&$select=id", timeout=10).close()
        with want_error("Too Many Requests", "TooManyRequests"):
            az.rest("get", CONNECTORS)
