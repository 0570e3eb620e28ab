variable "name" {
  type = string
}

variable "pkcs12" {
  type      = string
  sensitive = true
}

variable "password" {
  type      = string
  sensitive = true
}

resource "msgraph_resource" "connector" {
  url = "identity/apiConnectors"
  body = {
    displayName = var.name
    targetUrl   = "https://api.contoso.example/certificate"
    authenticationConfiguration = {
      "@odata.type" = "#microsoft.graph.pkcs12Certificate"
      pkcs12Value   = var.pkcs12
      password      = var.password
    }
  }
  response_export_values = {
    certificates = "authenticationConfiguration.certificateList"
  }
}

output "id" {
  value = msgraph_resource.connector.id
}

output "certificates" {
  value = msgraph_resource.connector.output.certificates
}
