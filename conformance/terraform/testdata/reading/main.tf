variable "url" {
  type    = string
  default = "identity/apiConnectors"
}

variable "query" {
  type    = map(list(string))
  default = {}
}

data "msgraph_resource" "read" {
  url              = var.url
  query_parameters = var.query
  response_export_values = {
    names = "value[].displayName"
    urls  = "value[].targetUrl"
  }
}

output "read" {
  value = data.msgraph_resource.read.output
}
