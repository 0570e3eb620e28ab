"""Every failure arrives as the SDK's ODataError with Graph's status and code."""

from checks import Identity, equal
from client import Query, basic_connector, certificate_connector, request, upload, want_basic, want_error
from identities import FixedToken
from msgraph.generated.identity.api_connectors.item.upload_client_certificate.upload_client_certificate_post_request_body import (
    UploadClientCertificatePostRequestBody,
)
from msgraph.generated.models.api_authentication_configuration_base import ApiAuthenticationConfigurationBase
from msgraph.generated.models.basic_authentication import BasicAuthentication
from msgraph.generated.models.client_certificate_authentication import ClientCertificateAuthentication
from msgraph.generated.models.identity_api_connector import IdentityApiConnector

NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"

GOOD = {
    "display_name": "wrong",
    "target_url": "https://api.contoso.example/wrong",
    "authentication_configuration": BasicAuthentication(username="somebody", password="something"),
}

BODIES = (
    ("400 for a required property that is absent", {"target_url": None}, "AADB2C", "targetUrl"),
    ("400 for an empty displayName", {"display_name": ""}, "AADB2C", "displayName"),
    ("400 for a targetUrl that is none", {"target_url": "ftp://api.contoso.example"}, "BadRequest", "targetUrl"),
    ("400 for an unknown property, by its name", {"additional_data": {"colour": "red"}}, "RequestBodyRead", "colour"),
    ("400 for no authentication configuration", {"authentication_configuration": None}, "AADB2C", "authenticationConfiguration"),
    (
        "400 for an authentication configuration of the abstract type",
        {"authentication_configuration": ApiAuthenticationConfigurationBase()},
        "AADB2C",
        "@odata.type",
    ),
    ("400 for Basic without a password", {"authentication_configuration": BasicAuthentication(username="u")}, "AADB2C", "password"),
    (
        "400 for a certificate list, which is read-only",
        {"authentication_configuration": ClientCertificateAuthentication()},
        "BadRequest",
        "pkcs12Certificate",
    ),
)

QUERIES = (
    ("400 for a $filter on an unknown property", {"filter": "colour eq 'red'"}, "BadRequest", "colour"),
    ("400 for a $filter that cannot be read", {"filter": "displayName eq 'open"}, "BadRequest", "filter"),
    ("400 for a $select of an unknown property", {"select": ["colour"]}, "BadRequest", "colour"),
    ("400 for $expand", {"expand": ["owners"]}, "ExpandNotSupported", "xpand"),
    ("400 for $search", {"search": '"life"'}, "Request_UnsupportedQuery", "$search"),
    ("400 for a $top that is too large", {"top": 1000}, "Request_BadRequest", "999"),
)


async def errors(suite, check):
    for name, change, code, text in BODIES:
        with check(name):
            # Made anew: a member that is set to None afterwards is sent, and under its Python name.
            await want_error(suite.connectors.post(IdentityApiConnector(**GOOD | change)), 400, code, text)
    with check("413 for a body that is too large"):
        # httpx takes no answer before it has sent everything.
        await want_error(suite.connectors.post(basic_connector("long " * (1 << 18))), 413, "RequestEntityTooLarge", "larger")
    await bad_certificates(suite, check)
    for name, query, code, text in QUERIES:
        with check(name):
            await want_error(suite.connectors.get(request(Query(**query))), 400, code, text)
    await strangers(suite, check)
    with check("404 for an unknown id, in every operation"):
        nobody = suite.item(NO_SUCH_ID)
        await want_error(nobody.get(), 404, "ResourceNotFound", NO_SUCH_ID)
        await want_error(nobody.patch(basic_connector("nobody")), 404, "ResourceNotFound", NO_SUCH_ID)
        body = upload(Identity(suite.work, "nobody", "secret"))
        await want_error(nobody.upload_client_certificate.post(body), 404, "ResourceNotFound", NO_SUCH_ID)
        await want_error(nobody.delete(), 404, "ResourceNotFound", NO_SUCH_ID)


async def bad_certificates(suite, check):
    good = Identity(suite.work, "good", "secret")
    with check("400 AADB2C90213 for a wrong PKCS#12 password"):
        await want_error(suite.demo.patch(certificate_connector(good, password="not it")), 400, "AADB2C90213", "password")
    with check("400 for what is no PKCS#12 file"):
        # The documentation's own sample, which is a JWE header.
        sample = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ"
        await want_error(suite.demo.patch(certificate_connector(good, pkcs12_value=sample)), 400, "BadRequest", "PKCS#12")
    with check("400 for an upload onto Basic"):
        item = suite.item(await suite.create("basic"))
        await want_error(item.upload_client_certificate.post(upload(good)), 400, "BadRequest", "#microsoft.graph.pkcs12Certificate")
        want_basic(await item.get(), "basic")
    with check("400 for an upload without a file"):
        empty = UploadClientCertificatePostRequestBody(password="")
        await want_error(suite.demo.upload_client_certificate.post(empty), 400, "AADB2C", "pkcs12Value")


async def strangers(suite, check):
    """Those who may not, or not here."""
    with check("401 for a token that is none"):
        error = await want_error(suite.connect(FixedToken()).identity.api_connectors.get(), 401, "InvalidAuthenticationToken")
        challenge = error.response_headers["www-authenticate"]
        assert challenge.startswith('Bearer realm="", authorization_uri="https://') and "claims=" not in challenge, challenge
    with check("403 for a write with Read.All, which may read"):
        app = suite.server.add_application("python reader", "APIConnectors.Read.All")
        reader = suite.connect(suite.secret_credential(app)).identity.api_connectors
        assert (await reader.get()).value, "the list is empty"
        await want_error(reader.post(basic_connector("forbidden")), 403, "AADB2C", "APIConnectors.ReadWrite.All")
    with check("403 for an application without a permission"):
        app = suite.server.add_application("python nobody")
        nobody = suite.connect(suite.secret_credential(app)).identity.api_connectors
        await want_error(nobody.get(), 403, "AADB2C", "APIConnectors.Read.All", "APIConnectors.ReadWrite.All")
    with check("404 for another tenant's connector"):
        app = suite.server.add_application(
            "python neighbour", "APIConnectors.ReadWrite.All", tenant=suite.server.add_tenant("fabrikam.example")
        )
        neighbour = suite.connect(suite.secret_credential(app)).identity.api_connectors
        ours = neighbour.by_identity_api_connector_id(suite.server.connector)
        await want_error(ours.get(), 404, "ResourceNotFound")
        await want_error(ours.delete(), 404, "ResourceNotFound")
        equal((await neighbour.get()).value, [], "the neighbour's list")
