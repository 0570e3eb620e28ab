"""The Graph surface, each group once in HTTP/1.1 and once in HTTP/2."""

import gzip
import json
from urllib.parse import quote

from checks import Identity, certificate_list, contains, equal
from client import CONNECTORS, FLOWS, basic_connector, certificate_connector


def want_certificates(connector, *identities):
    shown = {"@odata.type": "#microsoft.graph.clientCertificateAuthentication", "certificateList": certificate_list(*identities)}
    equal(connector["authenticationConfiguration"], shown)


def tokens(curl, server, check):
    developer = server.developer
    with check("the secret in the form"):
        equal(curl.token(developer).want(200).json["token_type"], "Bearer")
    with check("the secret as HTTP Basic"):
        equal(curl.token(developer, "-u", f"{developer.client}:{developer.secret}").want(200).json["token_type"], "Bearer")
    with check("a wrong secret is refused"):
        refused = curl.token(developer, "-d", f"client_id={developer.client}", "-d", "client_secret=wrong").want(401).json
        equal(refused["error"], "invalid_client")
        contains(refused["error_description"], "AADSTS7000215: ")
    with check("without --cacert: curl does not trust it, exit code 60"):
        # A file of authorities, of which none is the server's.
        elsewhere = Identity(curl.work, f"elsewhere {curl.protocol}").certificate_file
        equal(curl(CONNECTORS, "--cacert", str(elsewhere)).code, 60, "the exit code")


def founding_examples(curl, server, check):
    demo = f"{CONNECTORS}/{server.connector}"
    with check("1: PATCH with Basic answers 204"):
        body = {
            "displayName": "New Test API",
            "targetUrl": "https://otherapi.com/api/endpoint",
            "authenticationConfiguration": {"@odata.type": "microsoft.graph.basicAuthentication", "username": "<NEW_USERNAME>", "password": "<NEW_PASSWORD>"},
        }
        answer = curl(demo, "-X", "PATCH", body=body).want(204)
        equal((answer.text, answer.protocol), ("", curl.protocol), "body and protocol")
        shown = {"@odata.type": "#microsoft.graph.basicAuthentication", "username": "<NEW_USERNAME>", "password": "******"}
        context = f"{server.url}/v1.0/$metadata#identity/apiConnectors/$entity"
        want = body | {"@odata.context": context, "id": server.connector, "authenticationConfiguration": shown}
        equal(curl(demo).want(200).json, want)
    with check("2: PATCH with PKCS#12 answers 204"):
        identity = Identity(curl.work, f"founding example {curl.protocol}", "<CERTIFICATE_PASSWORD>")
        curl(demo, "-X", "PATCH", body={"displayName": "New Test API"} | certificate_connector(identity)).want(204)
        want_certificates(curl(demo).want(200).json, identity)


def life(curl, server, check):
    url = "https://api.contoso.example/life?code=a+b&x=ü"
    first, second = Identity(curl.work, f"first {curl.protocol}", "open sesame"), Identity(curl.work, f"second {curl.protocol}")
    with check("create answers 201 with Location and the entity"):
        created = curl(CONNECTORS, body=basic_connector("life", url)).want(201)
        item = f"{CONNECTORS}/{created.json['id']}"
        equal(created.headers["location"], server.url + item, "Location")
        shown = {"@odata.type": "#microsoft.graph.basicAuthentication", "username": "user of life", "password": "******"}
        equal(created.json["authenticationConfiguration"], shown)
    with check("get reads it back"):
        read = curl(item).want(200).json
        equal((read["displayName"], read["targetUrl"]), ("life", url))
    with check("list shows it"):
        contains([one["displayName"] for one in curl(CONNECTORS).want(200).json["value"]], "life")
    with check("update changes what is given and keeps the rest"):
        curl(item, "-X", "PATCH", body={"displayName": "a new life"}).want(204)
        read = curl(item).json
        equal((read["displayName"], read["targetUrl"], read["authenticationConfiguration"]["username"]), ("a new life", url, "user of life"))
    with check("update from Basic to a certificate"):
        curl(item, "-X", "PATCH", body=certificate_connector(first)).want(204)
        want_certificates(curl(item).json, first)
    with check("uploadClientCertificate appends and answers the entity"):
        upload = {"pkcs12Value": second.pkcs12_value, "password": second.password}
        want_certificates(curl(f"{item}/uploadClientCertificate", body=upload).want(200).json, first, second)
    with check("delete answers 204"):
        equal(curl(item, "-X", "DELETE").want(204).text, "", "the body")
    with check("get afterwards answers 404"):
        curl(item).want_error(404, "ResourceNotFound", created.json["id"])
    with check("delete again answers 404"):
        curl(item, "-X", "DELETE").want_error(404, "ResourceNotFound", created.json["id"])


def reading(curl, server, check):
    names = [f"reading {n}" for n in range(1, 6)]
    items = [f"{CONNECTORS}/{curl(CONNECTORS, body=basic_connector(name)).want(201).json['id']}" for name in names]
    mine = "$filter=startswith(displayName,'reading ')"
    with check("pages of 2 of 5, over @odata.nextLink, with $filter, $select and $orderby, by -G --data-urlencode"):
        page = curl(CONNECTORS, "-G", "--data-urlencode", mine, "-d", "$select=displayName", "--data-urlencode", "$orderby=displayName desc", "-d", "$top=2").want(200)
        met = []
        while True:
            met.append([one["displayName"] for one in page.json["value"]])
            equal([list(one) for one in page.json["value"]], [["displayName"]] * len(page.json["value"]), "the members")
            if "@odata.nextLink" not in page.json:
                break
            page = curl(page.json["@odata.nextLink"]).want(200)
        equal(met, [["reading 5", "reading 4"], ["reading 3", "reading 2"], ["reading 1"]])
    with check("$count as a segment"):
        equal(curl(f"{CONNECTORS}/$count?{quote(mine, safe='$=(),')}").want(200).text.lstrip("\ufeff"), "5")
    with check("--compressed: the answer comes in an encoding of curl's own list"):
        answer = curl(CONNECTORS, "--compressed").want(200)
        contains(("gzip", "deflate", "br", "zstd"), answer.headers.get("content-encoding"))
        assert len(answer.json["value"]) >= len(names)
    with check("--compressed, for gzip alone: the answer comes as gzip"):
        answer = curl(CONNECTORS, "--compressed", "-H", "Accept-Encoding: gzip").want(200)
        equal(answer.headers.get("content-encoding"), "gzip", "Content-Encoding")
        assert len(answer.json["value"]) >= len(names)
    with check("HEAD answers the headers of GET"):
        answer = curl(items[0], "-I").want(200)
        contains(answer.headers, "etag", "content-type", "odata-version")
    for item in items:
        curl(item, "-X", "DELETE").want(204)


def writing(curl, server, check):
    item = f"{CONNECTORS}/{curl(CONNECTORS, body=basic_connector('written')).want(201).json['id']}"

    def patch(*options, name="written", **more):
        return curl(item, "-X", "PATCH", *options, **({"body": {"displayName": name}} | more))

    with check("a gzip body"):
        data = gzip.compress(json.dumps({"displayName": "from gzip"}).encode())
        patch("-H", "Content-Type: application/json", "-H", "Content-Encoding: gzip", body=None, data=data).want(204)
        equal(curl(item).json["displayName"], "from gzip")
    with check("a body without a length, by -T -"):
        curl(item, "-X", "PATCH", "-H", "Content-Type: application/json", stream=b'{"displayName": "as a stream"}').want(204)
        equal(curl(item).json["displayName"], "as a stream")
    with check("Expect: 100-continue"):
        patch("-H", "Expect: 100-continue", name="after 100").want(204)
        equal(curl(item).json["displayName"], "after 100")
    with check("If-Match with the ETag that was read"):
        etag = curl(item).want(200).headers["etag"]
        patch("-H", f"If-Match: {etag}").want(204)
    with check("If-Match with an ETag that is no longer so answers 412"):
        patch("-H", f"If-Match: {etag}").want_error(412, "PreconditionFailed")
        curl(item, "-X", "DELETE", "-H", f"If-Match: {etag}").want_error(412, "PreconditionFailed")
    with check("Prefer: return=representation answers the entity"):
        equal(patch("-H", "Prefer: return=representation", name="represented").want(200).json["displayName"], "represented")
    with check("Idempotency-Key makes a POST once"):
        key = ("-H", f"Idempotency-Key: curl-{curl.protocol}")
        first = curl(CONNECTORS, *key, body=basic_connector("once")).want(201).json["id"]
        equal(curl(CONNECTORS, *key, body=basic_connector("once")).want(201).json["id"], first, "the id of the second answer")
        curl(CONNECTORS, *key, body=basic_connector("something else")).want_error(422, "UnprocessableEntity")
        curl(f"{CONNECTORS}/{first}", "-X", "DELETE").want(204)
    with check("request-id, and client-request-id as it was sent"):
        headers = curl(item, "-H", "client-request-id: patchbay-conformance").want(200).headers
        equal((headers["client-request-id"], len(headers["request-id"])), ("patchbay-conformance", 36))
    curl(item, "-X", "DELETE").want(204)


def user_flows(curl, server, check):
    flow = f"{FLOWS}/B2X_1_curl"
    step = f"{flow}/apiConnectorConfiguration/postAttributeCollection"
    connector = curl(CONNECTORS, body=basic_connector("of a user flow")).want(201).json["id"]
    with check("create a user flow with a link"):
        configuration = {"postFederationSignup": {"@odata.id": f"{CONNECTORS}/{connector}"}}
        body = {"id": "curl", "userFlowType": "signUpOrSignIn", "userFlowTypeVersion": 1, "apiConnectorConfiguration": configuration}
        equal(curl(FLOWS, body=body).want(201).json["id"], "B2X_1_curl")
        curl(FLOWS, body=body).want_error(409, "Conflict", "B2X_1_curl")

    def linked():
        read = curl(f"{flow}/apiConnectorConfiguration?$expand=postFederationSignup,postAttributeCollection").want(200).json
        return tuple((read[name] or {}).get("id") for name in ("postFederationSignup", "postAttributeCollection"))

    with check("$expand shows the linked connector, and null where there is none"):
        equal(linked(), (connector, None))
    with check("PUT $ref links a step, and an empty body unlinks it"):
        curl(f"{step}/$ref", "-X", "PUT", body={"@odata.id": f"https://graph.microsoft.com{CONNECTORS}/{connector}"}).want(204)
        equal(linked(), (connector, connector))
        curl(f"{step}/$ref", "-X", "PUT", body={}).want(204)
        equal(linked(), (connector, None))
    with check("DELETE $ref unlinks a step"):
        curl(f"{flow}/apiConnectorConfiguration/postFederationSignup/$ref", "-X", "DELETE").want(204)
        equal(linked(), (None, None))
        curl(f"{step}/$ref", "-X", "PUT", body={"@odata.id": f"identity/apiConnectors/{connector}"}).want(204)
    with check("a connector in use is not deleted, and the flow goes without it"):
        curl(f"{CONNECTORS}/{connector}", "-X", "DELETE").want_error(409, "Conflict", "B2X_1_curl")
        curl(flow, "-X", "DELETE").want(204)
        curl(f"{CONNECTORS}/{connector}", "-X", "DELETE").want(204)


def batch(curl, server, check):
    with check("reads, writes and fails, each step for itself"):
        headers = {"Content-Type": "application/json"}
        steps = [
            {"id": "create", "method": "POST", "url": "/identity/apiConnectors", "headers": headers, "body": basic_connector("batched")},
            {"id": "read", "method": "GET", "url": f"/identity/apiConnectors/{server.connector}", "dependsOn": ["create"]},
            {"id": "missing", "method": "GET", "url": "/identity/apiConnectors/no-such-connector"},
            {"id": "dependent", "method": "GET", "url": "/identity/apiConnectors", "dependsOn": ["missing"]},
        ]
        answered = {one["id"]: one for one in curl("/v1.0/$batch", body={"requests": steps}).want(200).json["responses"]}
        equal({name: one["status"] for name, one in answered.items()}, {"create": 201, "read": 200, "missing": 404, "dependent": 424})
        curl(f"{CONNECTORS}/{answered['create']['body']['id']}", "-X", "DELETE").want(204)


def errors(curl, server, check):
    demo = f"{CONNECTORS}/{server.connector}"
    with check("--fail-with-body: exit code 22, and the error all the same"):
        answer = curl(f"{CONNECTORS}/no-such-connector", "--fail-with-body").want_error(404, "ResourceNotFound", "no-such-connector")
        equal(answer.code, 22, "the exit code")
    for title, wrong, code, text in (
        ("400 for an unknown property, by its name", {"colour": "red"}, "RequestBodyRead", "colour"),
        ("400 for a required property that is null", {"displayName": None}, "AADB2C", "displayName"),
        ("400 for Basic without a password", {"authenticationConfiguration": {"@odata.type": "#microsoft.graph.basicAuthentication", "username": "u"}}, "AADB2C", "password"),
    ):
        with check(title):
            curl(CONNECTORS, body=basic_connector("wrong") | wrong).want_error(400, code, text)
    with check("400 for a body of another media type: curl's own, with -d"):
        curl(demo, "-X", "PATCH", "-d", '{"displayName": "as a form"}').want_error(400, "BadRequest", "Content-Type")
    with check("400 AADB2C90213 for a wrong PKCS#12 password"):
        wrong = certificate_connector(Identity(curl.work, f"good {curl.protocol}", "secret"))
        wrong["authenticationConfiguration"]["password"] = "not it"
        curl(demo, "-X", "PATCH", body=wrong).want_error(400, "AADB2C90213", "password")
    with check("413 for a body that is too large"):
        curl(CONNECTORS, body=basic_connector("long " * (1 << 18))).want_error(413, "RequestEntityTooLarge", "larger")
    with check("401 for a token that is none"):
        answer = curl.with_token("not.a.token")(demo).want_error(401, "InvalidAuthenticationToken")
        contains(answer.headers["www-authenticate"], 'Bearer realm="", authorization_uri="https://')
    with check("403 for a write with Read.All, which may read"):
        reader = server.add_application(f"curl reader {curl.protocol}", "APIConnectors.Read.All")
        reading = curl.with_token(curl.with_token(None).token(reader).want(200).json["access_token"])
        reading(demo).want(200)
        reading(demo, "-X", "PATCH", body={"displayName": "forbidden"}).want_error(403, "AADB2C", "APIConnectors.ReadWrite.All")
    with check("404 for another tenant's connector"):
        neighbour = server.add_application("curl neighbour", "APIConnectors.ReadWrite.All", tenant=server.add_tenant(f"fabrikam-{curl.protocol[0]}.example"))
        curl.with_token(curl.with_token(None).token(neighbour).want(200).json["access_token"])(demo).want_error(404, "ResourceNotFound")
    with check("405 for a method that does not apply"):
        contains(curl(CONNECTORS, "-X", "DELETE").want_error(405, "Request_BadRequest").headers["allow"], "POST")
