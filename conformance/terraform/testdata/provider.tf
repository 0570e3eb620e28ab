terraform {
  required_providers {
    msgraph = {
      source = "microsoft/msgraph"
    }
  }
}

# Everything else comes from the environment: ARM_TENANT_ID, ARM_CLIENT_ID, ARM_CLIENT_SECRET or ARM_CLIENT_CERTIFICATE_PATH.
provider "msgraph" {
  use_cli = false
}
