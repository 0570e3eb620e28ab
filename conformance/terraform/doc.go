// Package conformance lets Microsoft's Terraform provider msgraph, unmodified and driven by OpenTofu, manage API connectors and
// user flows of a started Patchbay binary: plan, apply, a plan that is empty afterwards, drift and its mending, import, destroy.
//
// Both programs are those that build.sh makes from the Go module cache (TOFU_DIR). The provider knows one Graph only,
// https://graph.microsoft.com; the CONNECT proxy of ../relay (RELAY_BIN) leads it to Patchbay, as an administrator's own proxy
// would. Everything else it is told in the environment. The configurations are in testdata.
//
// The provider waits ten seconds after whatever it creates, changes or deletes, until it has seen that three times. The groups
// of checks therefore run at the same time, each on resources of its own; the checks of a group run one after another.
//
// Nothing of Patchbay's own code may be imported here.
package conformance
