// Package auth says who is asking: it verifies bearer tokens, signs those of the local authority, and decides whether a
// caller holds a permission.
//
// A token becomes a [Caller] or a refusal in Microsoft Graph's words; an operation's first line is Caller.Require. The
// package knows no HTTP status, no SQL and no sealed value: private keys arrive opened, by the functions of its options.
package auth
