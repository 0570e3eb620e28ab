"""Logging in, user flows, a step of a sign-up, and a cloud of its own."""

from az import CONNECTORS, DEMO_FLOW, Az, Refused, want_error
from checks import Application, Identity, contains, equal
from connectors import basic_connector

FLOWS = "/v1.0/identity/b2xUserFlows"


def want_welcome(suite, app, name, **proof):
    """Checks that an az with these credentials may read."""
    az = suite.new(name)
    account = az.login(app, **proof)[0]
    user = account["user"]
    equal((account["tenantId"], user["name"], user["type"]), (app.tenant, app.client, "servicePrincipal"), "the account")
    assert az.rest("get", CONNECTORS)["value"], "the list is empty"


def want_refused(suite, app, name, code, **proof):
    """Checks that az is not logged in, and says why."""
    try:
        suite.new(name).login(app, **proof)
    except Refused as refused:
        equal(refused.code, 1, "the exit code")
        contains(refused.message, f"AADSTS{code}: ")
    else:
        raise AssertionError("az is logged in")
    suite.relay.forget()  # that there are no subscriptions


def tokens(suite, check):
    app = suite.server.developer
    registered = Identity(suite.work, "application")
    suite.server.add_certificate(app, registered.certificate_file)
    with check("az login with a secret"):
        suite.az.login(app)
        assert suite.az.rest("get", CONNECTORS)["value"], "the list is empty"
    with check("az login with a certificate"):
        want_welcome(suite, app, "certificate", certificate=registered.pem_file)
    with check("az login with a certificate that sends its chain"):
        want_welcome(suite, app, "chain", certificate=registered.pem_file, use_cert_sn_issuer=True)
    with check("a wrong secret is refused"):
        want_refused(suite, Application(app.tenant, app.client, "not the secret"), "wrong", 7000215)
    with check("a certificate that was not registered is refused"):
        want_refused(suite, app, "stranger", 700027, certificate=Identity(suite.work, "stranger").pem_file)


def user_flows(suite, check):
    """One user flow; each check goes on where the one before it stopped."""
    az = suite.az
    connector = az.rest("post", CONNECTORS, basic_connector("of a user flow"))["id"]
    flow = f"{FLOWS}/B2X_1_az"
    with check("create a user flow with a link"):
        linked = {"postFederationSignup": {"@odata.id": f"https://graph.microsoft.com{CONNECTORS}/{connector}"}}
        body = {"id": "az", "userFlowType": "signUpOrSignIn", "userFlowTypeVersion": 1, "apiConnectorConfiguration": linked}
        equal(az.rest("post", FLOWS, body)["id"], "B2X_1_az", "id")
        with want_error("Conflict", "Conflict", "B2X_1_az"):
            az.rest("post", FLOWS, body)

    def expand():
        read = az.rest("get", f"{flow}/apiConnectorConfiguration", expand="postFederationSignup,postAttributeCollection")
        return {name: read[name] and read[name]["id"] for name in ("postFederationSignup", "postAttributeCollection")}

    with check("$expand shows the linked connector, and null where there is none"):
        equal(expand(), {"postFederationSignup": connector, "postAttributeCollection": None})
    with check("PUT $ref links a step, and DELETE $ref unlinks it"):
        reference = f"{flow}/apiConnectorConfiguration/postAttributeCollection/$ref"
        az.rest("put", reference, {"@odata.id": f"https://graph.microsoft.com{CONNECTORS}/{connector}"})
        equal(expand()["postAttributeCollection"], connector, "postAttributeCollection")
        az.rest("delete", reference)
        equal(expand()["postAttributeCollection"], None, "postAttributeCollection")
    with check("a connector in use is not deleted, and the flow goes without it"):
        with want_error("Conflict", "Conflict", "B2X_1_az"):
            az.rest("delete", f"{CONNECTORS}/{connector}")
        az.rest("delete", flow)
        with want_error("Not Found", "ResourceNotFound", "B2X_1_az"):
            az.rest("get", flow)
        equal(az.rest("get", f"{CONNECTORS}/{connector}")["id"], connector, "id")


def runtime(suite, check):
    """Patchbay's own surface, on the same host and with the same token."""
    az = suite.az
    step = f"/runtime/v1/userFlows/{DEMO_FLOW}/steps/postAttributeCollection"
    with check("a step of a sign-up: Continue, and its receipt"):
        decision = az.rest("post", step, {"claims": {"email": "ada@example.com", "displayName": "Ada Lovelace"}})
        equal((decision["action"], decision["reason"]), ("Continue", "continued"))
        receipt = az.rest("get", f"/runtime/v1/invocations/{decision['invocationId']}")
        equal((receipt["userFlowId"], receipt["action"], receipt["attempts"][0]["status"]), (DEMO_FLOW, "Continue", 200))
    with check("a step of a sign-up: a page that blocks"):
        equal(az.rest("post", step, {"claims": {"email": "block@example.com"}})["action"], "ShowBlockPage", "action")
    with check("400 for a step without claims"), want_error("Bad Request", "BadRequest", "claims"):
        az.rest("post", step, {})


def cloud(suite, check):
    """The way without a proxy: az knows a cloud whose endpoints are Patchbay's. The relay's front stands for the server here,
    so that it may say that there are no subscriptions."""
    url, app = suite.relay.url, suite.server.developer
    az = Az(suite.work / "az-cloud", suite.relay, proxy=False)
    with check("az cloud register, and no proxy"):
        endpoints = {
            "active-directory": url,
            "active-directory-resource-id": "https://graph.microsoft.com/",
            "microsoft-graph-resource-id": f"{url}/",
            "resource-manager": f"{url}/",
        }
        told = [word for name, value in endpoints.items() for word in (f"--endpoint-{name}", value)]
        az("cloud", "register", "--name", "Patchbay", "--skip-endpoint-discovery", *told)
        az("cloud", "set", "--name", "Patchbay")
        equal(az.login(app)[0]["cloudName"], "Patchbay", "the cloud")
        assert az.rest("get", url + CONNECTORS)["value"], "the list is empty"
