// Package credential is how a connector proves itself to the endpoint it calls: the authentication types of Microsoft
// Graph (basicAuthentication, pkcs12Certificate, clientCertificateAuthentication), what a client may write to each, what
// is kept of it, and what a reader sees.
//
// There is one file per authentication type and one row per type in kinds.go; nothing else knows a type by name. A type
// that is a set of text members only, such as a user name and a password, is a table of members and no code.
//
// Reading is in two steps, so that a costly PKCS#12 file is opened before a transaction begins and not within it:
//
//	proposal, err := intake.Read(ctx, tenant, given, now) // all that does not depend on what is stored
//	change, err := proposal.Against(&stored)      // cheap; within the transaction, again after each retry
//	next, err := change.Onto(stored, seal)        // the configuration to write
//
// The package does no I/O and knows neither HTTP, JSON, SQL nor how anything is sealed: secrets leave it as Secret, and
// the caller seals them.
package credential
