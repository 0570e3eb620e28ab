"""Clients and credentials pointed as any program would point them, bodies, and the look at an error."""

from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from azure.identity.aio import CertificateCredential, ClientSecretCredential
from checks import contains, equal
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from kiota_http.middleware.options import HeadersInspectionHandlerOption
from msgraph import GraphServiceClient
from msgraph.generated.identity.api_connectors.api_connectors_request_builder import ApiConnectorsRequestBuilder
from msgraph.generated.identity.api_connectors.item.upload_client_certificate.upload_client_certificate_post_request_body import (
    UploadClientCertificatePostRequestBody,
)
from msgraph.generated.models.basic_authentication import BasicAuthentication
from msgraph.generated.models.client_certificate_authentication import ClientCertificateAuthentication
from msgraph.generated.models.identity_api_connector import IdentityApiConnector
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.pkcs12_certificate import Pkcs12Certificate
from msgraph.graph_request_adapter import GraphRequestAdapter

GRAPH_SCOPE = "https://graph.microsoft.com/.default"

Query = ApiConnectorsRequestBuilder.ApiConnectorsRequestBuilderGetQueryParameters


def basic_connector(name, target_url=None):
    return IdentityApiConnector(
        display_name=name,
        target_url=target_url or f"https://api.contoso.example/{name.replace(' ', '-')}",
        authentication_configuration=BasicAuthentication(username=f"user of {name}", password=f"password of {name}"),
    )


def certificate_connector(identity, **other):
    """A body whose authentication configuration is a PKCS#12 file."""
    given = {"pkcs12_value": identity.pkcs12_value, "password": identity.password} | other
    return IdentityApiConnector(authentication_configuration=Pkcs12Certificate(**given))


def upload(identity):
    return UploadClientCertificatePostRequestBody(pkcs12_value=identity.pkcs12_value, password=identity.password)


def request(query=None, *options, **headers):
    """What a request of the SDK can be told beside its body."""
    collection = HeadersCollection()
    for name, value in headers.items():
        collection.add(name.replace("_", "-"), value)
    return RequestConfiguration(headers=collection, options=list(options), query_parameters=query)


def first(headers, name):
    """The one value of a header, as the SDK keeps headers."""
    return next(iter(headers.get(name)), None)


class Suite:
    """What the checks share: the servers, a place for files, and a client of the first server."""

    def __init__(self, work, server, throttled, relay):
        self.work, self.server, self.throttled, self.relay = work, server, throttled, relay
        self._stack = AsyncExitStack()
        self._created = []

    async def __aenter__(self):
        self.credential = self.secret_credential(self.server.developer)
        self.client = self.connect(self.credential)
        return self

    async def __aexit__(self, *_):
        await self._stack.aclose()

    def _options(self, server):
        return {"authority": (server or self.server).env["AZURE_AUTHORITY_HOST"], "disable_instance_discovery": True}

    def closed_at_end(self, credential):
        """A credential holds connections until it is closed."""
        self._stack.push_async_callback(credential.close)
        return credential

    def secret_credential(self, app, server=None):
        return self.closed_at_end(ClientSecretCredential(app.tenant, app.client, app.secret, **self._options(server)))

    def certificate_credential(self, app, identity, **more):
        data = identity.pem_file.read_bytes()
        return self.closed_at_end(CertificateCredential(app.tenant, app.client, certificate_data=data, **self._options(None), **more))

    def connect(self, credential, url=None):
        """Makes a Graph client of the server at url."""
        url = url or self.server.url
        provider = AzureIdentityAuthenticationProvider(credential, scopes=[GRAPH_SCOPE], allowed_hosts=[urlsplit(url).hostname])
        adapter = GraphRequestAdapter(provider)
        adapter.base_url = f"{url}/v1.0"
        return GraphServiceClient(request_adapter=adapter)

    @property
    def connectors(self):
        return self.client.identity.api_connectors

    def item(self, connector):
        return self.connectors.by_identity_api_connector_id(connector)

    @property
    def demo(self):
        """The connector that dev made."""
        return self.item(self.server.connector)

    async def create(self, name):
        """Makes a connector with Basic authentication and returns its id."""
        return (await self.connectors.post(basic_connector(name))).id

    async def etag(self, connector):
        """Reads a connector's ETag, by the SDK's own way to look at the headers of an answer."""
        seen = HeadersInspectionHandlerOption()
        await self.item(connector).get(request(None, seen))
        return first(seen.response_headers, "ETag")

    async def names(self, **query):
        """The names of the connectors on the first page."""
        return [connector.display_name for connector in (await self.connectors.get(request(Query(**query)))).value]


def want_basic(connector, name):
    """Checks that a connector that create made still authenticates with Basic, under that name."""
    equal(type(connector.authentication_configuration), BasicAuthentication, "the type of the authentication configuration")
    equal(connector.display_name, name, "displayName")


def want_certificates(connector, *identities):
    """Checks that a connector shows exactly these certificates, the oldest upload first, of which the last one is active."""
    shown = connector.authentication_configuration
    equal(type(shown), ClientCertificateAuthentication, "the type of the authentication configuration")
    equal(
        [(shown.thumbprint, shown.not_before, shown.not_after, shown.is_active) for shown in shown.certificate_list],
        [(i.thumbprint, i.not_before, i.not_after, i is identities[-1]) for i in identities],
        "certificateList",
    )


async def want_error(answer, status, code, *texts):
    """Checks that a request fails with an ODataError of that status and code, whose message holds every one of the texts, and
    which can be found in the log by its request-id. Returns the error."""
    try:
        await answer
    except ODataError as error:
        equal((error.response_status_code, error.error.code), (status, code), f"the error ({error.error.message})")
        contains(error.error.message, *texts)
        inner = error.error.inner_error
        equal(len(inner.request_id), 36, "the length of request-id")
        equal(error.response_headers.get("request-id"), inner.request_id, "the header request-id")
        assert inner.date is not None, "innerError has no date"
        return error
    raise AssertionError(f"answered with success, want {status} {code}")
