variable "connector" {
  type = string
}

variable "etag" {
  type = string
}

resource "msgraph_resource_action" "change" {
  resource_url = "identity/apiConnectors/${var.connector}"
  method       = "PATCH"
  headers = {
    "If-Match" = var.etag
  }
  body = {
    displayName = "changed by an action"
  }
}
