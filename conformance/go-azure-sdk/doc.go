// Package conformance runs HashiCorp's go-azure-sdk, on which Terraform's azuread provider is built, unmodified, against a
// started Patchbay binary: the two founding examples, the whole life of a connector, and every error as the SDK's own type.
//
// The binary is the one that PATCHBAY_BIN names, or else one built from this repository; RELAY_BIN is ../relay, likewise. The
// client is told nothing but what Patchbay wrote into its dev.env.
//
// The SDK has no way to build a $batch, and its methods for updates take no If-Match; everything else that it offers for this
// family is here. Nothing of Patchbay's own code may be imported. The checks run one after another, because each line of their
// report carries its time.
package conformance
