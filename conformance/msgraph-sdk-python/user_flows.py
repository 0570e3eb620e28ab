"""One user flow and the connector that its steps call; each check goes on where the one before it stopped."""

from checks import equal
from client import request, want_error
from msgraph.generated.identity.b2x_user_flows.item.api_connector_configuration.api_connector_configuration_request_builder import (
    ApiConnectorConfigurationRequestBuilder,
)
from msgraph.generated.models.b2x_identity_user_flow import B2xIdentityUserFlow
from msgraph.generated.models.identity_api_connector import IdentityApiConnector
from msgraph.generated.models.reference_update import ReferenceUpdate
from msgraph.generated.models.user_flow_api_connector_configuration import UserFlowApiConnectorConfiguration
from msgraph.generated.models.user_flow_type import UserFlowType

FLOW = "B2X_1_python"

ExpandQuery = ApiConnectorConfigurationRequestBuilder.ApiConnectorConfigurationRequestBuilderGetQueryParameters


async def expand(flow):
    """Reads the connectors of a user flow."""
    return await flow.api_connector_configuration.get(request(ExpandQuery(expand=["postFederationSignup", "postAttributeCollection"])))


async def user_flows(suite, check):
    connector = await suite.create("of a user flow")
    flows = suite.client.identity.b2x_user_flows
    flow = flows.by_b2x_identity_user_flow_id(FLOW)
    with check("create a user flow with a link"):

        def body():
            linked = UserFlowApiConnectorConfiguration(post_federation_signup=IdentityApiConnector(id=connector))
            return B2xIdentityUserFlow(
                id="python", user_flow_type=UserFlowType.SignUpOrSignIn, user_flow_type_version=1.0, api_connector_configuration=linked
            )

        created = await flows.post(body())
        equal((created.id, created.user_flow_type, created.user_flow_type_version), (FLOW, UserFlowType.SignUpOrSignIn, 1))
        await want_error(flows.post(body()), 409, "Conflict", FLOW)
    with check("list and get show the user flow"):
        assert FLOW in [shown.id for shown in (await flows.get()).value], "it is not in the list"
        equal((await flow.get()).id, FLOW, "id")
    with check("$expand shows the linked connector, and null where there is none"):
        read = await expand(flow)
        equal((read.post_federation_signup.id, read.post_federation_signup.display_name), (connector, "of a user flow"))
        equal(read.post_attribute_collection, None, "postAttributeCollection")
    await references(check, flow, connector)
    with check("a connector in use is not deleted, and the flow goes without it"):
        await want_error(suite.item(connector).delete(), 409, "Conflict", FLOW)
        await flow.delete()
        await want_error(flow.delete(), 404, "ResourceNotFound", FLOW)
        equal((await suite.item(connector).get()).id, connector, "id")


async def references(check, flow, connector):
    """The checks of $ref and of the connector behind a step."""
    step = flow.api_connector_configuration.post_attribute_collection
    with check("PUT $ref links a step, and an empty body unlinks it"):
        await step.ref.put(ReferenceUpdate(odata_id=f"https://graph.microsoft.com/v1.0/identity/apiConnectors/{connector}"))
        equal((await expand(flow)).post_attribute_collection.id, connector, "postAttributeCollection")
        await step.ref.put(ReferenceUpdate())
        equal((await expand(flow)).post_attribute_collection, None, "postAttributeCollection")
    with check("the connector of a step changes as one of its own"):
        other = flow.api_connector_configuration.post_federation_signup
        await other.patch(IdentityApiConnector(target_url="https://api.contoso.example/by-step"))
        read = await other.get()
        equal((read.id, read.target_url), (connector, "https://api.contoso.example/by-step"))
    with check("DELETE $ref unlinks a step"):
        await step.ref.put(ReferenceUpdate(odata_id=f"identity/apiConnectors/{connector}"))
        await step.ref.delete()
        await want_error(step.get(), 404, "ResourceNotFound", "postAttributeCollection")
