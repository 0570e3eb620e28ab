package client

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// renewBefore is how long before its end a token is replaced.
	renewBefore = time.Minute
	// assertionLife is how long a client assertion is valid, as Microsoft's clients have it.
	assertionLife = 10 * time.Minute
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// tokens fetches tokens by client credentials and keeps the last one, in memory.
type tokens struct {
	client      *Client
	endpoint    string
	certificate *tls.Certificate // nil: the secret proves the app

	mu    sync.Mutex
	token string
	until time.Time
}

func newTokens(c *Client, authority *url.URL) (*tokens, error) {
	t := &tokens{client: c, endpoint: authority.String() + "/" + url.PathEscape(c.options.TenantID) + "/oauth2/v2.0/token"}
	if c.options.ClientSecret != "" || c.options.CertificateFile == "" || c.options.Token != "" {
		return t, nil
	}
	text, err := os.ReadFile(c.options.CertificateFile)
	if err != nil {
		return nil, fmt.Errorf("the client certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("the client certificate: %s must hold a certificate and its private key, both in PEM: %w", c.options.CertificateFile, err)
	}
	if _, ok := pair.PrivateKey.(*rsa.PrivateKey); !ok {
		return nil, errors.New("the client certificate must be RSA")
	}
	t.certificate = &pair
	return t, nil
}

// get returns a token that is good for a while. Who asks while one is fetched waits for it.
func (t *tokens) get(ctx context.Context) (string, error) {
	if given := t.client.options.Token; given != "" {
		return given, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != "" && time.Now().Before(t.until) {
		return t.token, nil
	}
	form, err := t.form()
	if err != nil {
		return "", err
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	res, err := t.client.send(ctx, http.MethodPost, t.endpoint, []byte(form.Encode()), header)
	if err != nil {
		return "", fmt.Errorf("get a token: %w", err)
	}
	if res.Status != http.StatusOK {
		refused := refusal(res)
		refused.Token = true
		return "", fmt.Errorf("get a token: %w", refused)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"` // s
	}
	if err := json.Unmarshal(res.Body, &answer); err != nil || answer.AccessToken == "" {
		return "", errors.New("get a token: the authority's answer holds none")
	}
	t.token, t.until = answer.AccessToken, time.Now().Add(time.Duration(answer.ExpiresIn)*time.Second-renewBefore)
	return t.token, nil
}

// forget drops a token that was not taken.
func (t *tokens) forget(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == token {
		t.token = ""
	}
}

// form is a token request.
func (t *tokens) form() (url.Values, error) {
	o := t.client.options
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {o.ClientID}, "scope": {o.Scope}}
	if t.certificate == nil {
		form.Set("client_secret", o.ClientSecret)
		return form, nil
	}
	assertion, err := t.assertion(time.Now())
	if err != nil {
		return nil, err
	}
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", assertion)
	return form, nil
}

// assertion signs that the app is who it says (RFC 7523 section 2.2, in the form that Entra documents).
func (t *tokens) assertion(now time.Time) (string, error) {
	sum := sha256.Sum256(t.certificate.Certificate[0])
	head, err := json.Marshal(map[string]any{"alg": "PS256", "typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])})
	if err != nil {
		return "", err
	}
	id := t.client.options.ClientID
	claims, err := json.Marshal(map[string]any{
		"aud": t.endpoint, "iss": id, "sub": id, "jti": uuid.NewString(), "nbf": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(claims)
	digest := sha256.Sum256([]byte(signed))
	key, _ := t.certificate.PrivateKey.(*rsa.PrivateKey) // newTokens made sure
	signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	if err != nil {
		return "", fmt.Errorf("sign the client assertion: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
