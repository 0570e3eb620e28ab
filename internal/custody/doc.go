// Package custody says where the master key comes from: a text in a file or in the environment that is the key itself, or
// one that is the key wrapped by a key management service (KMS), which opens it. All services are used through one
// interface, Tink's registry.KMSClient: HashiCorp Vault and OpenBao (hcvault.go), AWS KMS (awskms.go), Google Cloud KMS
// (gcpkms.go).
//
// What a text or a setting has wrong is one error; what may pass, such as a service that does not answer, is another
// (UnavailableError), with its Reason in one word. The room keeps no key and writes none: a key that a service opened is in
// memory and nowhere else. It must not log, and it must not read settings or the environment; the libraries of AWS and
// Google look for their credentials and endpoints where theirs always do.
package custody
