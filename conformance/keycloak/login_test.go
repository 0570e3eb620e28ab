package conformance

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// loginForm matches where Keycloak's login page sends what was typed.
var loginForm = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)

// signIn has a person sign in to the documented console as with a browser: authorization code flow with PKCE, state and nonce.
func (k *keycloak) signIn(t *testing.T, realm, person string) tokens {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := *k.client
	browser.Jar = jar
	verifier, state := rand.Text()+rand.Text(), rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	page := visit(t, &browser, http.MethodGet, k.issuer(realm)+"/protocol/openid-connect/auth?"+url.Values{
		"response_type": {"code"}, "client_id": {"console"}, "redirect_uri": {signedInAt}, "scope": {"openid"}, "state": {state}, "nonce": {rand.Text()},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode(), nil)
	form := loginForm.FindStringSubmatch(page.text)
	if form == nil {
		t.Fatalf("the login page has no form: %d", page.status)
	}
	back := visit(t, &browser, http.MethodPost, html.UnescapeString(form[1]), url.Values{"username": {person}, "password": {password}})
	location, err := url.Parse(back.location)
	if err != nil || !strings.HasPrefix(back.location, signedInAt) || location.Query().Get("state") != state {
		t.Fatalf("the login page answered %d and sent the browser to %q", back.status, location.Path)
	}
	return k.ask(t, realm, url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"console"}, "redirect_uri": {signedInAt},
		"code": {location.Query().Get("code")}, "code_verifier": {verifier},
	})
}

// renew exchanges a refresh token, as the console does when an access token is about to expire.
func (k *keycloak) renew(t *testing.T, realm string, old tokens) tokens {
	t.Helper()
	return k.ask(t, realm, url.Values{"grant_type": {"refresh_token"}, "client_id": {"console"}, "refresh_token": {old.Refresh}})
}

// visited is what a browser got.
type visited struct {
	status   int
	location string
	text     string
}

func visit(t *testing.T, browser *http.Client, method, address string, form url.Values) visited {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return visited{status: response.StatusCode, location: response.Header.Get("Location"), text: string(text)}
}
