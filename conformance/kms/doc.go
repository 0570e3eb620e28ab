// Package conformance lets real key management services hold the master key of a started Patchbay binary: HashiCorp Vault,
// whose transit engine is OpenBao's too, and AWS KMS as moto plays it. The services stop, are sealed, refuse, throttle, lose
// their key and come back, and what the service does then is looked at from outside: answers of every surface, /readyz, the
// metric, the log, and what a connector's target was asked.
//
// Vault is the one that build.sh makes from the Go module cache, moto the one of requirements.txt. Nothing of Patchbay's own
// code may be imported here, nor of theirs: all are programs behind sockets. The checks run one after another, because each
// builds on the state that the one before left.
package conformance
