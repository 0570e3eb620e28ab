package steps

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/manage"
)

// authenticate finds out who is calling: by a bearer token, or by HTTP Basic, for identity providers that cannot fetch
// one. Basic is no second path of trust: name and secret are changed into a token, and the token is verified.
func (h *Handler) authenticate(ctx context.Context, header http.Header) (auth.Caller, error) {
	scheme, _, _ := strings.Cut(header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		token, err := edge.Bearer(header)
		if err != nil {
			return auth.Caller{}, err
		}
		return h.opts.Verifier.Verify(ctx, token)
	}
	if h.tokens == nil {
		return auth.Caller{}, apiconn.Errorf(apiconn.Unauthenticated, "HTTP Basic is not accepted here, because the server has no local token authority. Send a bearer token.")
	}
	token, remembered, err := h.tokens.of(ctx, header)
	if err != nil {
		return auth.Caller{}, err
	}
	who, err := h.opts.Verifier.Verify(ctx, token)
	if err == nil || !remembered {
		return who, err
	}
	h.tokens.forget(header) // its signing key may be gone
	if token, _, err = h.tokens.of(ctx, header); err != nil {
		return auth.Caller{}, err
	}
	return h.opts.Verifier.Verify(ctx, token)
}

// challenges are the WWW-Authenticate headers of a 401.
func (h *Handler) challenges() []string {
	all := []string{`Bearer realm="Patchbay"`}
	if h.tokens != nil {
		all = append(all, `Basic realm="Patchbay", charset="UTF-8"`)
	}
	return all
}

// tokens changes names and secrets of HTTP Basic into access tokens of the local authority. A token is used again for a
// minute, so that not every step costs a signature; that is also how long a secret is good after its removal. Only what
// was right is remembered, by its hash.
type tokens struct {
	authority *manage.Authority
	issued    *otter.Cache[[sha256.Size]byte, string]
}

const (
	maxTokens  = 1024
	tokensKept = time.Minute
)

func newTokens(authority *manage.Authority) (*tokens, error) {
	issued, err := otter.New(&otter.Options[[sha256.Size]byte, string]{
		MaximumSize:      maxTokens,
		ExpiryCalculator: otter.ExpiryWriting[[sha256.Size]byte, string](tokensKept),
	})
	if err != nil {
		return nil, fmt.Errorf("remember tokens: %w", err)
	}
	return &tokens{authority: authority, issued: issued}, nil
}

// of returns a token for the name and secret in a header, and whether it was issued before.
func (t *tokens) of(ctx context.Context, header http.Header) (token string, remembered bool, err error) {
	if token, remembered = t.issued.GetIfPresent(hashOf(header)); remembered {
		return token, true, nil
	}
	name, secret, ok := (&http.Request{Header: header}).BasicAuth()
	tenant, client, named := strings.Cut(name, "/")
	if !ok || !named || tenant == "" || client == "" || secret == "" {
		return "", false, basicRefused("is not well-formed")
	}
	issued, err := t.authority.IssueToken(ctx, manage.TokenRequest{
		Tenant: tenant, GrantType: "client_credentials", ClientID: client, ClientSecret: secret, Scope: graphScope,
	})
	if err != nil {
		return "", false, basicError(err)
	}
	t.issued.Set(hashOf(header), issued.AccessToken)
	return issued.AccessToken, false, nil
}

// forget makes the next call issue a new token.
func (t *tokens) forget(header http.Header) { t.issued.Invalidate(hashOf(header)) }

func hashOf(header http.Header) [sha256.Size]byte {
	return sha256.Sum256([]byte(header.Get("Authorization")))
}

// graphScope asks for all permissions that the application has.
const graphScope = "https://graph.microsoft.com/.default"

// basicError turns an error of the authority into a 401. Who the name is of is not told, and neither it nor the error's
// own text, which may quote it, goes to the log: people mix the two fields up.
func basicError(err error) error {
	e := apiconn.AsError(err)
	switch e.Reason {
	case apiconn.ReasonSecretExpired:
		return basicRefused("has a secret that has expired")
	case apiconn.ReasonTenantUnknown, apiconn.ReasonApplicationUnknown, apiconn.ReasonSecretWrong, apiconn.ReasonCredentialAbsent:
		return basicRefused("is wrong").Because(fmt.Errorf("HTTP Basic: %s", e.Reason))
	}
	return err
}

func basicRefused(what string) *apiconn.Error {
	return apiconn.Errorf(apiconn.Unauthenticated, "The HTTP Basic credential %s. Send '<tenant id or name>/<client id>' of an application of the local authority as the user name and one of its secrets as the password.", what)
}
