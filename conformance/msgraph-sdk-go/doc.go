// Package conformance runs msgraph-sdk-go with azidentity, neither of them modified, against a started Patchbay binary:
// the two founding examples, the whole life of a connector, and every error as the SDK's own type.
//
// The binary is the one that PATCHBAY_BIN names, or else one built from this repository. The clients are told nothing
// but what Patchbay wrote into its dev.env: where the host, the authority and the certificate authority are.
//
// Nothing of Patchbay's own code may be imported here: whoever reads a check must be able to paste it into a program of
// theirs. The checks run one after another, because each line of their report carries its time.
package conformance
