variable "name" {
  type = string
}

variable "target_url" {
  type    = string
  default = "https://api.contoso.example/life?code=a+b&x=ü"
}

variable "password" {
  type      = string
  sensitive = true
}

resource "msgraph_resource" "connector" {
  url = "identity/apiConnectors"
  body = {
    displayName = var.name
    targetUrl   = var.target_url
    authenticationConfiguration = {
      "@odata.type" = "#microsoft.graph.basicAuthentication"
      username      = "user of ${var.name}"
      password      = var.password
    }
  }
}

output "id" {
  value = msgraph_resource.connector.id
}
