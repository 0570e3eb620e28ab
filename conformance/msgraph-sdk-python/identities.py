"""Credentials of azure-identity at Patchbay's authority."""

from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential
from azure.identity.aio import EnvironmentCredential
from checks import Application, Identity, contains
from client import GRAPH_SCOPE, basic_connector


class FixedToken:
    """A credential that has one token, whatever it is worth."""

    def get_token(self, *_scopes, **_options):
        return AccessToken("not.a.token", 1 << 40)


async def want_welcome(suite, credential):
    """Checks that a Graph client with the credential may read and write."""
    connectors = suite.connect(credential).identity.api_connectors
    assert (await connectors.get()).value, "the list is empty"
    created = await connectors.post(basic_connector("welcome"))
    await connectors.by_identity_api_connector_id(created.id).delete()


async def want_refused(credential, code):
    """Checks that the token endpoint refuses, and that azure-identity understands why."""
    try:
        await credential.get_token(GRAPH_SCOPE)
    except ClientAuthenticationError as error:
        contains(error.message, f"AADSTS{code}: ")
    else:
        raise AssertionError("there is a token")


async def tokens(suite, check):
    app = suite.server.developer
    registered = Identity(suite.work, "application")
    suite.server.add_certificate(app, registered.certificate_file)
    with check("ClientSecretCredential"):
        await want_welcome(suite, suite.secret_credential(app))
    with check("ClientSecretCredential that is not asynchronous"):
        options = {"authority": suite.server.env["AZURE_AUTHORITY_HOST"], "disable_instance_discovery": True}
        with ClientSecretCredential(app.tenant, app.client, app.secret, **options) as credential:
            await want_welcome(suite, credential)
    with check("ClientCertificateCredential"):
        await want_welcome(suite, suite.certificate_credential(app, registered))
    with check("ClientCertificateCredential that sends its chain"):
        await want_welcome(suite, suite.certificate_credential(app, registered, send_certificate_chain=True))
    with check("EnvironmentCredential, from dev.env alone"):
        await want_welcome(suite, suite.closed_at_end(EnvironmentCredential(disable_instance_discovery=True)))
    with check("a wrong secret is refused"):
        await want_refused(suite.secret_credential(Application(app.tenant, app.client, "not the secret")), 7000215)
    with check("a certificate that was not registered is refused"):
        await want_refused(suite.certificate_credential(app, Identity(suite.work, "stranger")), 700027)
