# Written by patchbay export. Secrets are variables, and none is in this file; Terraform keeps them in its state.
terraform {
  required_providers {
    msgraph = {
      source = "microsoft/msgraph"
    }
  }
}

provider "msgraph" {}

variable "loyalty_lookup_password" {
  type      = string
  sensitive = true
}

variable "o_brien_s_approvals_pkcs12" {
  type      = string
  sensitive = true
}

variable "o_brien_s_approvals_password" {
  type      = string
  sensitive = true
}

variable "loyalty_lookup_2_password" {
  type      = string
  sensitive = true
}

resource "msgraph_resource" "loyalty_lookup" {
  url = "identity/apiConnectors"
  body = {
    displayName = "Loyalty lookup"
    targetUrl   = "https://loyalty.fabrikam.example/api/lookup?code=Zm9vYmFy-canary-key&note=$${not}%%{hcl}\"\\"
    authenticationConfiguration = {
      "@odata.type" = "#microsoft.graph.basicAuthentication"
      username      = "svc-b2c"
      password      = var.loyalty_lookup_password
    }
  }
}

import {
  to = msgraph_resource.o_brien_s_approvals
  id = "/identity/apiConnectors/0b7c9a52-3f4d-4f1c-8a8e-7a1f5d2c9e22?importProperties=displayName,targetUrl"
}

resource "msgraph_resource" "o_brien_s_approvals" {
  url = "identity/apiConnectors"
  body = {
    displayName = "O'Brien’s \"approvals\""
    targetUrl   = "https://approvals.fabrikam.example/signup"
    authenticationConfiguration = {
      # now: "7BA1DB56A4F1C0D6E3B9258F0C7E4A1D2B3C4D5E", active
      "@odata.type" = "#microsoft.graph.pkcs12Certificate"
      pkcs12Value   = var.o_brien_s_approvals_pkcs12
      password      = var.o_brien_s_approvals_password
    }
  }
}

import {
  to = msgraph_resource.loyalty_lookup_2
  id = "/identity/apiConnectors/c9d1e3f5-1122-4333-8444-aabbccddeeff?importProperties=displayName,targetUrl"
}

resource "msgraph_resource" "loyalty_lookup_2" {
  url = "identity/apiConnectors"
  body = {
    displayName = "loyalty-lookup"
    targetUrl   = "https://partners.fabrikam.example/check"
    authenticationConfiguration = {
      "@odata.type" = "#microsoft.graph.basicAuthentication"
      username      = "007"
      password      = var.loyalty_lookup_2_password
    }
  }
}

import {
  to = msgraph_resource.b2x_1_partners
  id = "/identity/b2xUserFlows/B2X_1_partners"
}

resource "msgraph_resource" "b2x_1_partners" {
  url = "identity/b2xUserFlows"
  body = {
    id                  = "B2X_1_partners"
    userFlowType        = "signUpOrSignIn"
    userFlowTypeVersion = 1
  }
  lifecycle {
    ignore_changes = [body]
  }
}

resource "msgraph_resource_action" "b2x_1_partners_postfederationsignup" {
  resource_url = "${msgraph_resource.b2x_1_partners.resource_url}/apiConnectorConfiguration/postFederationSignup"
  action       = "$ref"
  method       = "PUT"
  body = {
    "@odata.id" = "https://graph.microsoft.com/v1.0/identity/apiConnectors/${msgraph_resource.loyalty_lookup.id}"
  }
}

resource "msgraph_resource_action" "b2x_1_partners_postattributecollection" {
  resource_url = "${msgraph_resource.b2x_1_partners.resource_url}/apiConnectorConfiguration/postAttributeCollection"
  action       = "$ref"
  method       = "PUT"
  body = {
    "@odata.id" = "https://graph.microsoft.com/v1.0/identity/apiConnectors/${msgraph_resource.o_brien_s_approvals.id}"
  }
}

import {
  to = msgraph_resource.b2c_1_shop
  id = "/identity/b2cUserFlows/B2C_1_shop?api-version=beta"
}

resource "msgraph_resource" "b2c_1_shop" {
  url         = "identity/b2cUserFlows"
  api_version = "beta"
  body = {
    id                  = "B2C_1_shop"
    userFlowType        = "signUp"
    userFlowTypeVersion = 3
  }
  lifecycle {
    ignore_changes = [body]
  }
}

import {
  to = msgraph_resource.b2x_1_quiet
  id = "/identity/b2xUserFlows/B2X_1_quiet"
}

resource "msgraph_resource" "b2x_1_quiet" {
  url = "identity/b2xUserFlows"
  body = {
    id                  = "B2X_1_quiet"
    userFlowType        = "signUpOrSignIn"
    userFlowTypeVersion = 1
  }
  lifecycle {
    ignore_changes = [body]
  }
}

import {
  to = msgraph_resource.b2x_1_untold
  id = "/identity/b2xUserFlows/B2X_1_untold"
}

resource "msgraph_resource" "b2x_1_untold" {
  url = "identity/b2xUserFlows"
  body = {
    id                  = "B2X_1_untold"
    userFlowType        = "signUpOrSignIn"
    userFlowTypeVersion = 1
  }
  lifecycle {
    ignore_changes = [body]
  }
}
