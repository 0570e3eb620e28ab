package manage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/store"
)

const (
	// tokenLife is how long an access token is valid. Entra's is 60 to 90 minutes at random (contract section 4.3); ours is
	// the least of it, always, so that tests and caches have a number to go by.
	tokenLife = time.Hour
	// assertionType is the only client_assertion_type (RFC 7523 section 2.2).
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// defaultScope ends the scope of a client_credentials request: all application permissions granted on the resource.
	defaultScope = "/.default"
)

// entraLogins are the hosts under which clients that cannot be told another one (through a proxy or a hosts file) believe
// to reach Entra. An assertion for one of them was meant for Microsoft or for whoever stands in for it here.
var entraLogins = []string{
	"https://login.microsoftonline.com", "https://login.windows.net", "https://sts.windows.net", "https://login.microsoft.com",
	"https://login.microsoftonline.us", "https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn",
	"https://login.sovcloud-identity.fr", "https://login.sovcloud-identity.de",
}

// Authority issues access tokens to applications: the client_credentials grant (RFC 6749 section 4.4) as Entra has it.
type Authority struct {
	Store  *store.Store
	Signer *auth.Signer
	// Issuer is the public base URL. The iss of tokens is made of it, and so must be the issuer that the verifier accepts.
	Issuer string
	// Aliases are further base URLs under which clients come. A client assertion may be addressed to any of them; they are
	// settings, never the request's Host header, or an assertion lured to another server could be replayed here.
	Aliases []string
	Now     func() time.Time
}

// TokenRequest is a request for a token, however it was written on the wire. It masks itself in fmt and slog.
type TokenRequest struct {
	Tenant        string // from the path: id or name
	GrantType     string
	ClientID      string
	ClientSecret  string
	Assertion     string
	AssertionType string
	Scope         string // of version 2
	Resource      string // of version 1, used if there is no scope
}

// Format masks the request in every fmt verb.
func (r TokenRequest) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "token request of %q in %q", r.ClientID, r.Tenant)
}

// MarshalText masks the request in JSON and in slog.
func (r TokenRequest) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(r)), nil }

// Token is an issued access token.
type Token struct {
	AccessToken string // a secret
	Resource    string // its audience
	TenantID    string
	ClientID    string
	NotBefore   time.Time
	ExpiresAt   time.Time
}

// proof is how an application proved itself: the appidacr claim.
type proof string

const (
	provenBySecret      proof = "1"
	provenByCertificate proof = "2"
)

// IssueToken carries out a token request. Its errors have one of apiconn's token endpoint reasons, and never tell more of
// a credential than that it is wrong or expired.
func (a *Authority) IssueToken(ctx context.Context, r TokenRequest) (Token, error) {
	tenant, err := a.Tenant(ctx, r.Tenant)
	if err != nil {
		return Token{}, err
	}
	if err := r.check(); err != nil {
		return Token{}, err
	}
	app, err := a.Store.Application(ctx, tenant.ID, strings.ToLower(r.ClientID))
	known := true
	if err != nil {
		if apiconn.KindOf(err) != apiconn.NotFound {
			return Token{}, err
		}
		known, app = false, apiconn.Application{}
	}
	proven, err := a.authenticate(r, tenant, app)
	if !known { // after the comparison, so that an unknown application costs what a wrong secret costs
		return Token{}, &apiconn.Error{
			Kind: apiconn.Unauthenticated, Reason: apiconn.ReasonApplicationUnknown, Field: "client_id",
			Message: fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'. Register it in this tenant, or send the request to its own.", printable(r.ClientID), tenant.Name),
		}
	}
	if err != nil {
		return Token{}, err
	}
	resource, err := a.resource(r)
	if err != nil {
		return Token{}, err
	}
	return a.sign(ctx, tenant, app, proven, resource)
}

// Tenant finds a tenant by id or name, in any case. The error of one that does not exist has ReasonTenantUnknown.
func (a *Authority) Tenant(ctx context.Context, idOrName string) (apiconn.Tenant, error) {
	tenant, err := a.Store.TenantByIDOrName(ctx, strings.ToLower(idOrName))
	if err != nil && apiconn.KindOf(err) == apiconn.NotFound {
		e := apiconn.Error{
			Kind: apiconn.Invalid, Reason: apiconn.ReasonTenantUnknown,
			Message: fmt.Sprintf("Tenant '%s' not found. Check that the tenant id or name in the URL is correct.", printable(idOrName)),
		}
		return apiconn.Tenant{}, e.Because(err)
	}
	return tenant, err
}

// check refuses requests that lack a parameter or ask for another grant.
func (r TokenRequest) check() error {
	switch {
	case r.GrantType == "":
		return parameterAbsent("grant_type")
	case r.GrantType != "client_credentials":
		return &apiconn.Error{
			Kind: apiconn.Invalid, Reason: apiconn.ReasonGrantUnsupported, Field: "grant_type",
			Message: fmt.Sprintf("The app requested an unsupported grant type '%s'. Use client_credentials.", printable(r.GrantType)),
		}
	case r.ClientID == "":
		return parameterAbsent("client_id")
	case r.ClientSecret == "" && r.Assertion == "":
		return &apiconn.Error{
			Kind: apiconn.Unauthenticated, Reason: apiconn.ReasonCredentialAbsent,
			Message: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
		}
	case r.Assertion != "" && r.AssertionType == "":
		return parameterAbsent("client_assertion_type")
	case r.Assertion != "" && r.AssertionType != assertionType:
		return &apiconn.Error{
			Kind: apiconn.Unauthenticated, Reason: apiconn.ReasonAssertionInvalid, Field: "client_assertion_type",
			Message: "The client_assertion_type must be '" + assertionType + "'.",
		}
	case r.Scope == "" && r.Resource == "":
		return parameterAbsent("scope")
	}
	return nil
}

// authenticate checks the application's proof. An assertion goes before a secret, as a request has one of them only.
func (a *Authority) authenticate(r TokenRequest, tenant apiconn.Tenant, app apiconn.Application) (proof, error) {
	if r.Assertion != "" {
		return provenByCertificate, a.checkAssertion(r, tenant, app)
	}
	return provenBySecret, a.checkSecret(r.ClientSecret, app)
}

// checkSecret compares a secret with all of the application's, in constant time.
func (a *Authority) checkSecret(secret string, app apiconn.Application) error {
	now := a.Now()
	matched, current := 0, 0
	compared := false
	for _, c := range app.Credentials {
		if c.Kind != apiconn.CredentialSecret {
			continue
		}
		equal := subtle.ConstantTimeCompare(hashSecret(c.Salt, secret), c.Hash)
		matched |= equal
		if validAt(c, now) {
			current |= equal
		}
		compared = true
	}
	if !compared { // cost what a comparison costs
		_ = subtle.ConstantTimeCompare(hashSecret(make([]byte, secretSaltBytes), secret), make([]byte, sha256.Size))
	}
	switch {
	case current == 1:
		return nil
	case matched == 1:
		return &apiconn.Error{
			Kind: apiconn.Unauthenticated, Reason: apiconn.ReasonSecretExpired, Field: "client_secret",
			Message: fmt.Sprintf("The provided client secret keys for app '%s' are expired. Add a new secret to the application.", app.ClientID),
		}
	}
	return &apiconn.Error{
		Kind: apiconn.Unauthenticated, Reason: apiconn.ReasonSecretWrong, Field: "client_secret",
		Message: fmt.Sprintf("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", app.ClientID),
	}
}

// checkAssertion verifies a client assertion against the application's certificates.
func (a *Authority) checkAssertion(r TokenRequest, tenant apiconn.Tenant, app apiconn.Application) error {
	var certificates [][]byte
	var credentials []apiconn.ApplicationCredential
	for _, c := range app.Credentials {
		if c.Kind == apiconn.CredentialCertificate {
			certificates, credentials = append(certificates, c.Certificate), append(credentials, c)
		}
	}
	now := a.Now()
	index, err := auth.VerifyAssertion(r.Assertion, auth.AssertionCheck{
		ClientID: r.ClientID, Audiences: a.assertionAudiences(r, tenant), Certificates: certificates, Now: now,
	})
	if err != nil {
		return err
	}
	if !validAt(credentials[index], now) {
		return &apiconn.Error{
			Kind: apiconn.Unauthenticated, Reason: apiconn.ReasonAssertionKeyUnknown,
			Message: "The certificate that signed the client assertion has expired or is not valid yet. Register a new one.",
		}
	}
	return nil
}

// assertionAudiences are the URLs by which the token endpoint of a tenant may be meant, and the tenant's issuer, which
// RFC 7523 section 3 also allows.
func (a *Authority) assertionAudiences(r TokenRequest, tenant apiconn.Tenant) []string {
	var urls []string
	for _, base := range slices.Concat([]string{a.Issuer}, a.Aliases, entraLogins) {
		base = strings.TrimRight(base, "/")
		for _, name := range []string{tenant.ID, tenant.Name, r.Tenant} {
			urls = append(urls, base+"/"+name+"/oauth2/v2.0/token", base+"/"+name+"/oauth2/token", base+"/"+name+"/v2.0")
		}
	}
	return urls
}

// resource reads what the token is for out of the scope or, in version 1, the resource parameter, and returns it in the
// one spelling that verifiers know. The OpenID scopes, which MSAL for Go adds, mean nothing without a user and are
// passed over.
func (a *Authority) resource(r TokenRequest) (string, error) {
	asked := r.Resource
	if r.Scope != "" {
		scopes := slices.DeleteFunc(strings.Fields(r.Scope), func(s string) bool {
			return slices.Contains([]string{"openid", "offline_access", "profile", "email"}, s)
		})
		slices.Sort(scopes)
		scopes = slices.Compact(scopes)
		if len(scopes) != 1 || !strings.HasSuffix(scopes[0], defaultScope) {
			return "", &apiconn.Error{
				Kind: apiconn.Invalid, Reason: apiconn.ReasonScopeInvalid, Field: "scope",
				Message: fmt.Sprintf("The provided value for the input parameter 'scope' is not valid. The scope '%s' is not valid: ask for one resource followed by /.default, such as https://graph.microsoft.com/.default.", printable(r.Scope)),
			}
		}
		asked = strings.TrimSuffix(scopes[0], defaultScope)
	}
	for _, known := range append(auth.GraphResources(), strings.TrimRight(a.Issuer, "/")) {
		if strings.EqualFold(strings.TrimSuffix(asked, "/"), known) {
			return known, nil
		}
	}
	return "", &apiconn.Error{
		Kind: apiconn.Invalid, Reason: apiconn.ReasonResourceUnknown, Field: "scope",
		Message: fmt.Sprintf("The resource principal named '%s' was not found. Ask for https://graph.microsoft.com or for this server's own URL.", printable(asked)),
	}
}

// sign makes the token: the claims of a version 1 app-only token, which is what Graph itself gets (contract section 4.3).
func (a *Authority) sign(ctx context.Context, tenant apiconn.Tenant, app apiconn.Application, proven proof, resource string) (Token, error) {
	now := a.Now().Truncate(time.Second)
	t := Token{Resource: resource, TenantID: tenant.ID, ClientID: app.ClientID, NotBefore: now, ExpiresAt: now.Add(tokenLife)}
	unique := make([]byte, 16)
	_, _ = rand.Read(unique) // never fails
	claims := map[string]any{
		"aud": resource, "iss": auth.LocalIssuerURL(a.Issuer, tenant.ID), "tid": tenant.ID,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": t.ExpiresAt.Unix(),
		"appid": app.ClientID, "appidacr": string(proven), "app_displayname": app.DisplayName, "idtyp": "app",
		"oid": app.ObjectID, "sub": app.ObjectID, "uti": base64.RawURLEncoding.EncodeToString(unique), "ver": "1.0",
		"wids": []string{auth.DefaultWIDs},
	}
	if len(app.Roles) > 0 {
		claims["roles"] = app.Roles
	}
	var err error
	if t.AccessToken, err = a.Signer.Sign(ctx, claims); err != nil {
		return Token{}, fmt.Errorf("issue a token to application %s: %w", app.ClientID, err)
	}
	return t, nil
}

// hashSecret is how a client secret is kept. The secrets have 256 random bits, so a slow hash adds nothing.
func hashSecret(salt []byte, secret string) []byte {
	sum := sha256.Sum256(slices.Concat(salt, []byte(secret)))
	return sum[:]
}

// validAt tells whether a credential may be used at t.
func validAt(c apiconn.ApplicationCredential, t time.Time) bool {
	return !t.Before(c.NotBefore) && t.Before(c.NotAfter)
}

func parameterAbsent(name string) error {
	return &apiconn.Error{
		Kind: apiconn.Invalid, Reason: apiconn.ReasonRequestMalformed, Field: name,
		Message: fmt.Sprintf("The request body must contain the following parameter: '%s'.", name),
	}
}

// printable shortens what a client sent to what a message can bear.
func printable(s string) string {
	const most = 100
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
