package authority

import (
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/edge"
)

// tenantPlaceholder stands for the tenant in documents that are about all tenants, as in Entra's.
const tenantPlaceholder = "{tenantid}"

// anyTenant are the names under which those documents are.
var anyTenant = []string{"common", "organizations"}

// configurationBody is the OpenID provider metadata (OpenID Connect Discovery 1.0 section 3), members as Entra has them.
type configurationBody struct {
	TokenEndpoint       string   `json:"token_endpoint"`
	AuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	AuthAlgorithms      []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	JWKSURI             string   `json:"jwks_uri"`
	ResponseModes       []string `json:"response_modes_supported"`
	SubjectTypes        []string `json:"subject_types_supported"`
	IDTokenAlgorithms   []string `json:"id_token_signing_alg_values_supported"`
	ResponseTypes       []string `json:"response_types_supported"`
	GrantTypes          []string `json:"grant_types_supported"`
	Scopes              []string `json:"scopes_supported"`
	Issuer              string   `json:"issuer"`
	RequestURIParameter bool     `json:"request_uri_parameter_supported"`
	AuthorizationURL    string   `json:"authorization_endpoint"`
	DeviceURL           string   `json:"device_authorization_endpoint"`
	EndSessionURL       string   `json:"end_session_endpoint"`
	Claims              []string `json:"claims_supported"`
	CloudInstanceName   string   `json:"cloud_instance_name"`
	CloudGraphHostName  string   `json:"cloud_graph_host_name"`
	MicrosoftGraphHost  string   `json:"msgraph_host"`
}

// configuration is GET /{tenant}/v2.0/.well-known/openid-configuration.
func (s *surface) configuration(w http.ResponseWriter, r *http.Request) error {
	return s.describe(w, r, "/oauth2/v2.0", "/discovery/v2.0/keys")
}

// configurationV1 is GET /{tenant}/.well-known/openid-configuration.
func (s *surface) configurationV1(w http.ResponseWriter, r *http.Request) error {
	return s.describe(w, r, "/oauth2", "/discovery/keys")
}

// describe writes the metadata of a tenant. All URLs, the issuer's too, lead back the way the client came: MSAL refuses an
// issuer on another host than the authority's. The iss of tokens is always made of the configured public URL; the two are
// one for every client that uses that URL.
func (s *surface) describe(w http.ResponseWriter, r *http.Request, oauth, keys string) error {
	tenant, err := s.tenantIn(r)
	if err != nil {
		return err
	}
	base := edge.BaseURL(r)
	host := strings.TrimPrefix(base, "https://")
	root := base + "/" + tenant
	if tenant == tenantPlaceholder {
		root = base + "/" + r.PathValue("tenant") // an address has a name where the issuer has the placeholder
	}
	cacheable(w.Header())
	return write(w, http.StatusOK, configurationBody{
		TokenEndpoint:  root + oauth + "/token",
		AuthMethods:    []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		AuthAlgorithms: []string{"PS256", "RS256"},
		JWKSURI:        root + keys,
		ResponseModes:  []string{"query", "fragment", "form_post"}, SubjectTypes: []string{"pairwise"},
		IDTokenAlgorithms: []string{"RS256"}, ResponseTypes: []string{"token"}, GrantTypes: []string{"client_credentials"},
		Scopes:           []string{"openid", "profile", "email", "offline_access"}, // clients send them; they mean nothing without a user
		Issuer:           auth.LocalIssuerURL(base, tenant),
		AuthorizationURL: root + oauth + "/authorize",
		DeviceURL:        root + "/oauth2/v2.0/devicecode", EndSessionURL: root + "/oauth2/v2.0/logout",
		Claims: []string{
			"aud", "iss", "iat", "nbf", "exp", "appid", "appidacr", "app_displayname", "idtyp", "oid", "sub", "roles", "tid", "uti", "ver", "wids",
		},
		CloudInstanceName: host, CloudGraphHostName: host, MicrosoftGraphHost: host,
	})
}

// keyBody is one key of the JWKS as Entra shows it.
type keyBody struct {
	KeyType  string   `json:"kty"`
	Use      string   `json:"use"`
	KeyID    string   `json:"kid"`
	SHA1     string   `json:"x5t"`
	Modulus  string   `json:"n"`
	Exponent string   `json:"e"`
	Chain    []string `json:"x5c"`
	Issuer   string   `json:"issuer"`
}

// keysBody is the key set.
type keysBody struct {
	Keys []keyBody `json:"keys"`
}

// keys is GET /{tenant}/discovery/v2.0/keys.
func (s *surface) keys(w http.ResponseWriter, r *http.Request) error {
	tenant, err := s.tenantIn(r)
	if err != nil {
		return err
	}
	published, err := s.authority.Signer.PublicKeys(r.Context())
	if err != nil {
		return err
	}
	bodies := make([]keyBody, len(published))
	for i, k := range published {
		bodies[i] = keyBody{
			KeyType: "RSA", Use: "sig", KeyID: k.ID, SHA1: k.CertificateThumbprint(),
			Modulus:  base64.RawURLEncoding.EncodeToString(k.RSA.N.Bytes()),
			Exponent: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.RSA.E)).Bytes()),
			Chain:    []string{base64.StdEncoding.EncodeToString(k.Certificate)},
			Issuer:   auth.LocalIssuerURL(s.authority.Issuer, tenant),
		}
	}
	cacheable(w.Header())
	return write(w, http.StatusOK, keysBody{bodies})
}

// instanceBody is the answer of instance discovery.
type instanceBody struct {
	TenantDiscovery string          `json:"tenant_discovery_endpoint"`
	APIVersion      string          `json:"api-version"`
	Metadata        []instanceAlias `json:"metadata"`
}

type instanceAlias struct {
	PreferredNetwork string   `json:"preferred_network"`
	PreferredCache   string   `json:"preferred_cache"`
	Aliases          []string `json:"aliases"`
}

// instance is GET /common/discovery/instance: MSAL asks whether the host of an authority is to be trusted, and where its
// metadata is. We vouch for ourselves only.
func (s *surface) instance(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query().Get("authorization_endpoint")
	if asked == "" {
		return &apiconn.Error{
			Kind: apiconn.Invalid, Reason: apiconn.ReasonRequestMalformed, Field: "authorization_endpoint",
			Message: "The request must contain the following parameter: 'authorization_endpoint'.",
		}
	}
	u, err := url.Parse(asked)
	if err != nil || u.Scheme != "https" {
		return unknownInstance()
	}
	base := edge.BaseURL(r)
	host := strings.ToLower(u.Host)
	if host != strings.ToLower(strings.TrimPrefix(base, "https://")) && !slices.Contains(s.trusted, host) {
		return unknownInstance()
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if tenant == "" {
		tenant = anyTenant[0]
	}
	cacheable(w.Header())
	return write(w, http.StatusOK, instanceBody{
		TenantDiscovery: "https://" + host + "/" + url.PathEscape(tenant) + "/v2.0/.well-known/openid-configuration",
		APIVersion:      "1.1",
		Metadata:        []instanceAlias{{PreferredNetwork: host, PreferredCache: host, Aliases: []string{host}}},
	})
}

// tenantIn returns the id of the tenant in the path, or the placeholder for those that stand for any.
func (s *surface) tenantIn(r *http.Request) (string, error) {
	name := r.PathValue("tenant")
	if slices.Contains(anyTenant, strings.ToLower(name)) {
		return tenantPlaceholder, nil
	}
	tenant, err := s.authority.Tenant(r.Context(), name)
	if err != nil {
		return "", err
	}
	return tenant.ID, nil
}

// cacheable lets the client keep a public document for a little: less than the hour that a retired key still verifies.
func cacheable(h http.Header) { h.Set("Cache-Control", "private, max-age=300") }
