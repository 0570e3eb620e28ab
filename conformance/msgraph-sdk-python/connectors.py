"""The two founding examples, and one connector from its creation to its end."""

from checks import Identity, equal
from client import basic_connector, certificate_connector, request, upload, want_basic, want_certificates, want_error
from kiota_abstractions.response_handler import ResponseHandler
from kiota_http.middleware.options import ResponseHandlerOption
from msgraph.generated.models.basic_authentication import BasicAuthentication
from msgraph.generated.models.identity_api_connector import IdentityApiConnector
from msgraph.generated.models.pkcs12_certificate import Pkcs12Certificate

LIFE_URL = "https://api.contoso.example/life?code=a+b&x=ü"


class Status(ResponseHandler):
    """The SDK's own way to look at the very answer."""

    async def handle_response_async(self, response, error_map):
        self.code, self.headers = response.status_code, response.headers


def looked_at(status):
    return request(None, ResponseHandlerOption(status))


async def want_no_content(suite, body):
    """Sends a PATCH twice: once as a program does, and once looking at the very answer."""
    status = Status()
    await suite.demo.patch(body(), looked_at(status))
    equal(status.code, 204, "the status")
    equal(await suite.demo.patch(body()), None, "what patch returns")


async def founding_examples(suite, check):
    """The two examples of Microsoft's page "Update identityApiConnector", as its Python snippets send them."""
    with check("1: PATCH with Basic answers 204"):
        await want_no_content(
            suite,
            lambda: IdentityApiConnector(
                display_name="New Test API",
                target_url="https://otherapi.com/api/endpoint",
                authentication_configuration=BasicAuthentication(
                    odata_type="microsoft.graph.basicAuthentication",
                    username="<NEW_USERNAME>",
                    password="<NEW_PASSWORD>",
                ),
            ),
        )
        read = await suite.demo.get()
        basic = read.authentication_configuration
        equal((read.display_name, read.target_url), ("New Test API", "https://otherapi.com/api/endpoint"))
        equal((type(basic), basic.username, basic.password), (BasicAuthentication, "<NEW_USERNAME>", "******"))
    with check("2: PATCH with PKCS#12 answers 204"):
        identity = Identity(suite.work, "founding example", "<CERTIFICATE_PASSWORD>")
        await want_no_content(
            suite,
            lambda: IdentityApiConnector(
                display_name="New Test API",
                target_url="https://otherapi.com/api/endpoint",
                authentication_configuration=Pkcs12Certificate(
                    odata_type="#microsoft.graph.pkcs12Certificate",
                    pkcs12_value=identity.pkcs12_value,
                    password="<CERTIFICATE_PASSWORD>",
                ),
            ),
        )
        read = await suite.demo.get()
        equal(read.display_name, "New Test API", "displayName")
        want_certificates(read, identity)


async def life(suite, check):
    """Each check goes on where the one before it stopped."""
    connector = await birth(suite, check)
    item = suite.item(connector)
    with check("update changes what is given and keeps the rest"):
        equal(await item.patch(IdentityApiConnector(display_name="a new life")), None, "what patch returns")
        read = await item.get()
        equal((read.display_name, read.target_url, read.authentication_configuration.username), ("a new life", LIFE_URL, "user of life"))
    with check("update of the password alone keeps the user name"):
        await item.patch(IdentityApiConnector(authentication_configuration=BasicAuthentication(password="another password")))
        equal((await item.get()).authentication_configuration.username, "user of life", "the user name")
    await certificates(suite, check, item)
    with check("delete answers 204"):
        status = Status()
        await item.delete(looked_at(status))
        equal(status.code, 204, "the status")
    with check("get afterwards answers 404"):
        await want_error(item.get(), 404, "ResourceNotFound", connector)
    with check("delete again answers 404"):
        await want_error(item.delete(), 404, "ResourceNotFound", connector)


async def birth(suite, check):
    with check("create answers 201 with Location and the entity"):
        status = Status()
        await suite.connectors.post(basic_connector("life", LIFE_URL), looked_at(status))
        equal(status.code, 201, "the status")
        first = status.headers["Location"].removeprefix(f"{suite.server.url}/v1.0/identity/apiConnectors/")
        await suite.item(first).delete()
        created = await suite.connectors.post(basic_connector("life", LIFE_URL))
        basic = created.authentication_configuration
        equal((type(basic), basic.username, basic.password), (BasicAuthentication, "user of life", "******"))
    with check("get reads it back"):
        read = await suite.item(created.id).get()
        equal((read.id, read.display_name, read.target_url), (created.id, "life", LIFE_URL))
        equal(read.additional_data["@odata.context"], f"{suite.server.url}/v1.0/$metadata#identity/apiConnectors/$entity")
    with check("list shows it"):
        assert "life" in await suite.names(), "it is not in the list"
    return created.id


async def certificates(suite, check, item):
    old_tools = ("-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1")
    first, second = Identity(suite.work, "first", "open sesame"), Identity(suite.work, "second", "", *old_tools)
    with check("update from Basic to a certificate"):
        await item.patch(certificate_connector(first))
        want_certificates(await item.get(), first)
    with check("uploadClientCertificate appends and answers the entity"):
        want_certificates(await item.upload_client_certificate.post(upload(second)), first, second)
        want_certificates(await item.get(), first, second)
    with check("update with a certificate drops those before it"):
        await item.patch(certificate_connector(second))
        want_certificates(await item.get(), second)
    with check("update back to Basic"):
        await item.patch(basic_connector("life"))
        want_basic(await item.get(), "life")
