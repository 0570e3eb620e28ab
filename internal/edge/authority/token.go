package authority

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/manage"
)

// tokenBody is the answer of the version 2 token endpoint, members in Entra's order.
type tokenBody struct {
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	ExtExpiresIn int64  `json:"ext_expires_in"`
	AccessToken  string `json:"access_token"`
}

// tokenBodyV1 is that of version 1, whose numbers are strings.
type tokenBodyV1 struct {
	TokenType    string `json:"token_type"`
	ExpiresIn    string `json:"expires_in"`
	ExtExpiresIn string `json:"ext_expires_in"`
	ExpiresOn    string `json:"expires_on"`
	NotBefore    string `json:"not_before"`
	Resource     string `json:"resource"`
	AccessToken  string `json:"access_token"`
}

// token is POST /{tenant}/oauth2/v2.0/token.
func (s *surface) token(w http.ResponseWriter, r *http.Request) error {
	t, err := s.issue(r)
	if err != nil {
		return err
	}
	neverStore(w.Header())
	return write(w, http.StatusOK, tokenBody{
		TokenType: "Bearer", ExpiresIn: remaining(t), ExtExpiresIn: remaining(t), AccessToken: t.AccessToken,
	})
}

// tokenV1 is POST /{tenant}/oauth2/token, where resource stands for scope.
func (s *surface) tokenV1(w http.ResponseWriter, r *http.Request) error {
	t, err := s.issue(r)
	if err != nil {
		return err
	}
	life := strconv.FormatInt(remaining(t), 10)
	neverStore(w.Header())
	return write(w, http.StatusOK, tokenBodyV1{
		TokenType: "Bearer", ExpiresIn: life, ExtExpiresIn: life,
		ExpiresOn: strconv.FormatInt(t.ExpiresAt.Unix(), 10), NotBefore: strconv.FormatInt(t.NotBefore.Unix(), 10),
		Resource: t.Resource, AccessToken: t.AccessToken,
	})
}

// remaining is the token's life in seconds, less one for the way: Entra's well-known 3599.
func remaining(t manage.Token) int64 { return int64(t.ExpiresAt.Sub(t.NotBefore).Seconds()) - 1 }

// issue reads a token request and has it carried out.
func (s *surface) issue(r *http.Request) (manage.Token, error) {
	form, err := readForm(r)
	if err != nil {
		return manage.Token{}, err
	}
	request := manage.TokenRequest{
		Tenant:        r.PathValue("tenant"),
		GrantType:     form.Get("grant_type"),
		ClientID:      form.Get("client_id"),
		ClientSecret:  form.Get("client_secret"),
		Assertion:     form.Get("client_assertion"),
		AssertionType: form.Get("client_assertion_type"),
		Scope:         form.Get("scope"),
		Resource:      form.Get("resource"),
	}
	if err := basic(r, &request); err != nil {
		return manage.Token{}, err
	}
	t, err := s.authority.IssueToken(r.Context(), request)
	if err != nil {
		return manage.Token{}, err
	}
	x := edge.From(r.Context())
	x.TenantID, x.AppID = t.TenantID, t.ClientID
	return t, nil
}

// readForm reads the body's parameters; those of the URL do not count, for URLs are logged (RFC 6749 section 2.3.1). A
// body of another media type has none, and the request then fails for want of grant_type, as Entra's does.
func readForm(r *http.Request) (url.Values, error) {
	body, err := edge.ReadBody(r)
	if err != nil {
		return nil, bodyError(err)
	}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/x-www-form-urlencoded" {
		return url.Values{}, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		// The parser's error quotes the body, which holds the secret.
		return nil, apiconn.Errorf(apiconn.Invalid, "The request body is not application/x-www-form-urlencoded. Percent-encode its values.")
	}
	for name, values := range form {
		if len(values) > 1 { // RFC 6749 section 3.2
			return nil, apiconn.Invalidf(name, "A parameter of the request body appears more than once. Send each parameter once.")
		}
	}
	return form, nil
}

// basic takes client id and secret out of an Authorization header (RFC 6749 section 2.3.1), where they stand
// form-urlencoded. A client that proves itself twice, or names two ids, is refused.
func basic(r *http.Request, request *manage.TokenRequest) error {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return nil
	}
	id, secret = unescape(id), unescape(secret)
	if request.ClientSecret != "" || request.Assertion != "" || request.ClientID != "" && request.ClientID != id {
		return apiconn.Errorf(apiconn.Invalid, "The client credential is sent more than once. Send it in the body or in the Authorization header, not in both.")
	}
	request.ClientID, request.ClientSecret = id, secret
	return nil
}

// unescape decodes form-urlencoding; text that is not encoded stays as it is, for many clients do not bother.
func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
