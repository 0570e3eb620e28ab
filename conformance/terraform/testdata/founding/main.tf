variable "connector" {
  type = string
}

variable "authentication" {
  type      = map(string)
  sensitive = true
}

variable "names" {
  type    = map(string)
  default = {}
}

# What Microsoft's page "Update identityApiConnector" shows: a PATCH of a connector that exists.
resource "msgraph_update_resource" "example" {
  url = "identity/apiConnectors/${var.connector}"
  body = merge(var.names, {
    authenticationConfiguration = var.authentication
  })
}
