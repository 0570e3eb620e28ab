// Package authority is the local token authority as clients see it: discovery, key set and token endpoint in Entra's
// shape (contract section 4.5), so that MSAL, azidentity and plain OAuth clients work against it unmodified.
//
// It reads requests and writes answers; who gets a token is decided in manage. AADSTS numbers and HTTP statuses live in
// its errors.go alone. It signs in applications only: nobody types a password here.
package authority
