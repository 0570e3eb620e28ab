"""The two founding examples, and one connector from its creation to its end."""

from az import CONNECTORS, GRAPH, want_error
from checks import Identity, certificate_list, equal

LIFE_URL = "https://api.contoso.example/life?code=a+b&x=ü"


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


def certificate_connector(identity):
    """A body whose authentication configuration is a PKCS#12 file."""
    return {"authenticationConfiguration": {"@odata.type": "#microsoft.graph.pkcs12Certificate", **upload(identity)}}


def upload(identity):
    return {"pkcs12Value": identity.pkcs12_value, "password": identity.password}


def want_certificates(connector, *identities):
    """Checks that a connector shows exactly these certificates."""
    shown = {"@odata.type": "#microsoft.graph.clientCertificateAuthentication", "certificateList": certificate_list(*identities)}
    equal(connector["authenticationConfiguration"], shown, "authenticationConfiguration")


def founding_examples(suite, check):
    """The two examples of Microsoft's page "Update identityApiConnector"."""
    az, demo = suite.az, suite.demo
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
        equal(az.rest("patch", demo, body), None, "what az prints")
        equal(
            az.rest("get", demo),
            {
                "@odata.context": f"{GRAPH}/v1.0/$metadata#identity/apiConnectors/$entity",
                "id": suite.server.connector,
                "displayName": "New Test API",
                "targetUrl": "https://otherapi.com/api/endpoint",
                "authenticationConfiguration": {
                    "@odata.type": "#microsoft.graph.basicAuthentication",
                    "username": "<NEW_USERNAME>",
                    "password": "******",
                },
            },
        )
    with check("2: PATCH with PKCS#12 answers 204"):
        identity = Identity(suite.work, "founding example", "<CERTIFICATE_PASSWORD>")
        body = {
            "displayName": "New Test API",
            "targetUrl": "https://otherapi.com/api/endpoint",
            "authenticationConfiguration": {
                "@odata.type": "#microsoft.graph.pkcs12Certificate",
                "pkcs12Value": identity.pkcs12_value,
                "password": "<CERTIFICATE_PASSWORD>",
            },
        }
        equal(az.rest("patch", demo, body), None, "what az prints")
        read = az.rest("get", demo)
        equal(read["displayName"], "New Test API", "displayName")
        want_certificates(read, identity)


def life(suite, check):
    """Each check goes on where the one before it stopped."""
    az = suite.az
    with check("create answers the entity"):
        created = az.rest("post", CONNECTORS, basic_connector("life", LIFE_URL))
        shown = {"@odata.type": "#microsoft.graph.basicAuthentication", "username": "user of life", "password": "******"}
        equal(created["authenticationConfiguration"], shown, "authenticationConfiguration")
    item = f"{CONNECTORS}/{created['id']}"
    with check("get reads it back"):
        read = az.rest("get", item)
        equal((read["id"], read["displayName"], read["targetUrl"]), (created["id"], "life", LIFE_URL))
    with check("list shows it"):
        assert created["id"] in [shown["id"] for shown in az.rest("get", CONNECTORS)["value"]], "it is not in the list"
    with check("update changes what is given and keeps the rest"):
        equal(az.rest("patch", item, {"displayName": "a new life"}), None, "what az prints")
        read = az.rest("get", item)
        username = read["authenticationConfiguration"]["username"]
        equal((read["displayName"], read["targetUrl"], username), ("a new life", LIFE_URL, "user of life"))
    with check("update of the password alone keeps the user name"):
        authentication = {"@odata.type": "#microsoft.graph.basicAuthentication", "password": "another password"}
        az.rest("patch", item, {"authenticationConfiguration": authentication})
        equal(az.rest("get", item)["authenticationConfiguration"]["username"], "user of life", "the user name")
    certificates(suite, check, item)
    with check("delete answers nothing"):
        equal(az.rest("delete", item), None, "what az prints")
    with check("get afterwards answers 404"), want_error("Not Found", "ResourceNotFound", created["id"]):
        az.rest("get", item)
    with check("delete again answers 404"), want_error("Not Found", "ResourceNotFound", created["id"]):
        az.rest("delete", item)


def certificates(suite, check, item):
    az = suite.az
    old_tools = ("-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1")
    first, second = Identity(suite.work, "first", "open sesame"), Identity(suite.work, "second", "", *old_tools)
    with check("update from Basic to a certificate"):
        az.rest("patch", item, certificate_connector(first))
        want_certificates(az.rest("get", item), first)
    with check("uploadClientCertificate appends and answers the entity"):
        want_certificates(az.rest("post", f"{item}/uploadClientCertificate", upload(second)), first, second)
        want_certificates(az.rest("get", item), first, second)
    with check("update with a certificate drops those before it"):
        az.rest("patch", item, certificate_connector(second))
        want_certificates(az.rest("get", item), second)
    with check("update back to Basic"):
        az.rest("patch", item, basic_connector("life"))
        equal(az.rest("get", item)["authenticationConfiguration"]["username"], "user of life", "the user name")
