package auth

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// tenantPlaceholder in an issuer URL stands for the token's own tenant, as in Entra's multi-tenant metadata.
const tenantPlaceholder = "{tenantid}"

// anyTenant, alone in Tenants, is the explicit word for every tenant.
const anyTenant = "*"

// DefaultClockSkew is how far an issuer's clock may be off: what Entra's own libraries allow.
const DefaultClockSkew = 5 * time.Minute

// maxClockSkew bounds the setting; more would make exp meaningless for hour-long tokens.
const maxClockSkew = 10 * time.Minute

// Issuer says which tokens of one issuer are accepted and how they are read. The zero value of a member means its
// default.
type Issuer struct {
	// URL is the exact iss claim. It may contain {tenantid}, which then stands for the token's tid claim.
	URL string
	// Local gives the keys of the local authority. Nil: an OIDC issuer, whose keys are found by discovery.
	Local *Signer
	// MetadataURL is where discovery starts; default: URL + "/.well-known/openid-configuration", with {tenantid}
	// replaced by "organizations". HTTPS, or HTTP to a loopback address.
	MetadataURL string
	// Audiences are the acceptable aud claims; at least one.
	Audiences []string
	// TenantID puts all tokens of this issuer into one tenant. Empty: the tenant is in the claim TenantClaim. It does not
	// go with {tenantid} in the URL: every tenant of that issuer would work in the one partition.
	TenantID string
	// TenantClaim names the claim with the tenant id; default tid, and with {tenantid} in the URL nothing else, because
	// only tid is tied to the iss claim.
	TenantClaim string
	// Tenants are the only tenants this issuer may speak for, if TenantID is empty; "*" alone means any. Empty means any
	// only with {tenantid} in the URL, or for the local authority: another issuer could write any tenant into its tokens,
	// so that it must be tied to tenants here (ADR 0006).
	Tenants []string
	// RolesClaim names the claim with application roles, default roles. A dotted path reaches into objects, such as
	// Keycloak's resource_access.patchbay.roles; a claim whose own name has the dots comes first.
	RolesClaim string
	// ScopeClaim names the claim whose presence makes a token delegated; default scp. Many issuers write scope into every
	// token, app-only ones too: name it only if yours writes it for people alone.
	ScopeClaim string
	// DirectoryRolesClaim names the claim with the directory roles of a person, by template id; default wids.
	DirectoryRolesClaim string
	// Algorithms are the acceptable alg headers; default RS256, PS256, ES256. Never none or an HMAC.
	Algorithms []string
	// ClockSkew is how far the issuer's clock may be off; 0: DefaultClockSkew; negative: none; at most 10 minutes.
	ClockSkew time.Duration
	// Client fetches metadata and keys; default: one with a timeout that follows no redirect.
	Client *http.Client
}

// graphResources are the names under which a token for Microsoft Graph can be asked: its hosts in all clouds and its
// application id (contract sections 4.3 and 4.4).
var graphResources = []string{
	"https://graph.microsoft.com",
	"https://graph.microsoft.us",
	"https://dod-graph.microsoft.us",
	"https://microsoftgraph.chinacloudapi.cn",
	"https://graph.microsoft.de",
	"https://canary.graph.microsoft.com",
	"https://graph.svc.sovcloud.fr",
	"https://graph.svc.sovcloud.de",
	"00000003-0000-0000-c000-000000000000",
}

// GraphResources returns the resources that the local authority issues tokens for besides Patchbay's own URL.
func GraphResources() []string { return slices.Clone(graphResources) }

// LocalIssuer is the local authority behind the public URL base: the issuer of its tokens is base/{tenant}/v2.0.
func LocalIssuer(base string, signer *Signer) Issuer {
	base = strings.TrimRight(base, "/")
	return Issuer{
		URL:        LocalIssuerURL(base, tenantPlaceholder),
		Local:      signer,
		Audiences:  append(GraphResources(), base),
		Algorithms: []string{"RS256"},
	}
}

// LocalIssuerURL is the iss claim of the local authority's tokens for a tenant.
func LocalIssuerURL(base, tenant string) string {
	return strings.TrimRight(base, "/") + "/" + tenant + "/v2.0"
}

// keySource gives the keys of one issuer: the local authority's [Signer], or discovery.
type keySource interface {
	// current returns the keys as they are known; it is cheap, and the pointer changes when the keys do.
	current(context.Context) (*keySet, error)
	// renewed returns keys newer than current's if it is time to ask for them: for a kid that current does not have.
	renewed(context.Context) (*keySet, error)
}

// issuer is an Issuer, checked and with its defaults.
type issuer struct {
	Issuer
	source keySource
}

// newIssuer checks settings and fills in defaults. Its errors name the issuer and the setting.
func newIssuer(set Issuer, opt Options) (*issuer, error) {
	set.Audiences = slices.Clone(set.Audiences)
	fill(&set.TenantClaim, "tid")
	fill(&set.RolesClaim, "roles")
	fill(&set.ScopeClaim, "scp")
	fill(&set.DirectoryRolesClaim, "wids")
	if len(set.Algorithms) == 0 {
		set.Algorithms = []string{"RS256", "PS256", "ES256"}
	}
	switch {
	case set.ClockSkew == 0:
		set.ClockSkew = DefaultClockSkew
	case set.ClockSkew < 0:
		set.ClockSkew = 0
	case set.ClockSkew > maxClockSkew:
		return nil, fmt.Errorf("issuer %q: the clock skew may be at most %s", set.URL, maxClockSkew)
	}
	if set.URL == "" {
		return nil, fmt.Errorf("an issuer needs its URL: the iss claim of its tokens")
	}
	if len(set.Audiences) == 0 || slices.Contains(set.Audiences, "") {
		return nil, fmt.Errorf("issuer %q: name at least one audience, and no empty one", set.URL)
	}
	for _, alg := range set.Algorithms {
		if _, known := algorithms[alg]; !known {
			return nil, fmt.Errorf("issuer %q: algorithm %q is not supported; use RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or ES512", set.URL, alg)
		}
	}
	if err := set.checkTenants(); err != nil {
		return nil, err
	}
	if set.Local != nil {
		return &issuer{Issuer: set, source: set.Local}, nil
	}
	source, err := newDiscovery(set, opt)
	if err != nil {
		return nil, err
	}
	return &issuer{Issuer: set, source: source}, nil
}

// checkTenants refuses settings that leave open which tenants the issuer may speak for, and normalises their ids. After
// it, empty Tenants mean any tenant.
func (i *Issuer) checkTenants() error {
	multiTenant := strings.Contains(i.URL, tenantPlaceholder)
	switch {
	case multiTenant && i.TenantID != "":
		return fmt.Errorf("issuer %q: a tenant does not go with {tenantid} in the URL; name it in tenants", i.URL)
	case multiTenant && i.TenantClaim != "tid":
		return fmt.Errorf("issuer %q: with {tenantid} in the URL the tenant claim is tid, not %q", i.URL, i.TenantClaim)
	case !multiTenant && i.TenantID == "" && len(i.Tenants) == 0 && i.Local == nil:
		return fmt.Errorf("issuer %q: name the tenant, or the tenants, that it may speak for; [\"*\"] means any", i.URL)
	}
	if len(i.Tenants) == 1 && i.Tenants[0] == anyTenant {
		i.Tenants = nil
	}
	i.Tenants = slices.Clone(i.Tenants)
	if i.TenantID != "" {
		id, ok := tenantID(i.TenantID)
		if !ok {
			return fmt.Errorf("issuer %q: tenant %q is not a GUID", i.URL, i.TenantID)
		}
		i.TenantID = id
	}
	for n, t := range i.Tenants {
		id, ok := tenantID(t)
		if !ok {
			return fmt.Errorf("issuer %q: tenant %q is not a GUID", i.URL, t)
		}
		i.Tenants[n] = id
	}
	return nil
}

// issued tells whether a token with these claims names this issuer.
func (i *issuer) issued(iss, tid string) bool {
	if !strings.Contains(i.URL, tenantPlaceholder) {
		return iss == i.URL
	}
	return tid != "" && iss == strings.ReplaceAll(i.URL, tenantPlaceholder, tid)
}

// fill sets a default.
func fill(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// tenantID returns a tenant id in its one spelling, lower-case and hyphenated; false if it is not a GUID.
func tenantID(s string) (string, bool) {
	const guidLength = 36 // uuid.Parse also takes braces, urn: and bare digits
	if len(s) != guidLength {
		return "", false
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return "", false
	}
	return id.String(), true
}

// checkFetchURL allows https, and http to a loopback address.
func checkFetchURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("%q is not an absolute URL", raw)
	}
	switch u.Scheme {
	case "https":
		return nil
	case "http":
		host := u.Hostname()
		if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
			return nil
		}
	}
	return fmt.Errorf("%q: keys are fetched over https only", raw)
}
