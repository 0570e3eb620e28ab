resource "msgraph_resource" "connector" {
  url = "identity/apiConnectors"
  body = {
    displayName = "of a user flow"
    targetUrl   = "https://api.contoso.example/flow"
    authenticationConfiguration = {
      "@odata.type" = "#microsoft.graph.basicAuthentication"
      username      = "user"
      password      = "password"
    }
  }
}

resource "msgraph_resource" "flow" {
  url = "identity/b2xUserFlows"
  body = {
    id                  = "B2X_1_terraform"
    userFlowType        = "signUpOrSignIn"
    userFlowTypeVersion = 1
    apiConnectorConfiguration = {
      postFederationSignup = {
        "@odata.id" = "https://graph.microsoft.com/v1.0/${msgraph_resource.connector.resource_url}"
      }
    }
  }
}

# The second step is linked by its $ref.
resource "msgraph_resource_action" "link" {
  resource_url = "${msgraph_resource.flow.resource_url}/apiConnectorConfiguration/postAttributeCollection"
  action       = "$ref"
  method       = "PUT"
  body = {
    "@odata.id" = "https://graph.microsoft.com/v1.0/${msgraph_resource.connector.resource_url}"
  }
}

data "msgraph_resource" "steps" {
  url = "${msgraph_resource.flow.resource_url}/apiConnectorConfiguration"
  query_parameters = {
    "$expand" = ["postFederationSignup,postAttributeCollection"]
  }
  response_export_values = {
    federation = "postFederationSignup.id"
    collection = "postAttributeCollection.id"
  }
  depends_on = [msgraph_resource_action.link]
}

output "id" {
  value = msgraph_resource.connector.id
}

output "steps" {
  value = data.msgraph_resource.steps.output
}
