package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// Patience is how long a request may take before its outcome counts as unknown.
const Patience = 5 * time.Second

// Outcome is what a client knows of a request once it has its answer, or none.
type Outcome int

// The outcomes.
const (
	Done    Outcome = iota // it was judged: carried out, or turned down for what it says (4xx)
	Refused                // it was not carried out: 503, 429, or it never left this machine
	Unknown                // it may have been carried out, now or later: 500, 502, 504, a time-out, a connection that was cut
)

// String names the outcome.
func (o Outcome) String() string { return [...]string{"done", "refused", "unknown"}[o] }

// Answer is what came back.
type Answer struct {
	Outcome   Outcome
	Status    int    // 0: none came
	RequestID string // of the node that answered; the audit entry of a change has it
	Text      []byte
	Err       error // why none came
}

// Into decodes an answer that must have this status.
func (a Answer) Into(status int, into any) error {
	if a.Status != status {
		return fmt.Errorf("%w, want %d", a.Problem(), status)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(a.Text, into); err != nil {
		return fmt.Errorf("the answer is not the expected JSON: %w", err)
	}
	return nil
}

// Problem is the answer as an error. An error's body has no secret.
func (a Answer) Problem() error {
	if a.Err != nil {
		return fmt.Errorf("%s: %w", a.Outcome, a.Err)
	}
	return fmt.Errorf("answered %d: %.300s", a.Status, bytes.TrimSpace(a.Text))
}

// App is an app registration of the local authority, with its secret.
type App struct{ Tenant, ID, Secret string }

// Client speaks to one base URL as one app. It may be used by many at a time.
type Client struct {
	HTTP *http.Client
	Base string
	App  App

	bearer *atomic.Pointer[string]
}

// New makes a client, which has no token yet.
func New(pool *http.Client, base string, app App) *Client {
	return &Client{HTTP: pool, Base: base, App: app, bearer: &atomic.Pointer[string]{}}
}

// Pool makes the connections that clients share: kept alive as clients of a service do, and HTTP/1.1, so that a request has a
// connection of its own. caFile may be empty.
func Pool(caFile string) (*http.Client, error) {
	roots := x509.NewCertPool()
	if caFile != "" {
		text, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificate", caFile)
		}
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ClientSessionCache: tls.NewLRUClientSessionCache(64)}, TLSHandshakeTimeout: Patience,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second,
	}}, nil
}

// At is the client of another base URL: the same app, connections, and token, also when that is renewed.
func (c *Client) At(base string) *Client {
	return &Client{HTTP: c.HTTP, Base: base, App: c.App, bearer: c.bearer}
}

// Authorize gets a token. A trial that runs on calls it again before the token ends, which it does after an hour.
func (c *Client) Authorize(ctx context.Context) error {
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"},
		"client_id": {c.App.ID}, "client_secret": {c.App.Secret},
	}
	answer := c.send(ctx, http.MethodPost, "/"+c.App.Tenant+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", []byte(form.Encode()), nil)
	var token struct {
		Text string `json:"access_token"`
	}
	if err := answer.Into(http.StatusOK, &token); err != nil {
		return fmt.Errorf("get a token: %w", err)
	}
	bearer := "Bearer " + token.Text
	c.bearer.Store(&bearer)
	return nil
}

// Bearer is the Authorization header of the requests.
func (c *Client) Bearer() string {
	if bearer := c.bearer.Load(); bearer != nil {
		return *bearer
	}
	return ""
}

// Do sends one request, with a JSON body unless body is nil, once.
func (c *Client) Do(ctx context.Context, method, path string, body any, header http.Header) Answer {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return Answer{Outcome: Refused, Err: err}
		}
	}
	return c.send(ctx, method, path, "application/json", text, header)
}

// Get is Do for a page: path may also be a link with a host of its own, of which only path and query count, since a listing
// goes on at the node or balancer where it began.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	if strings.Contains(path, "://") {
		link, err := url.Parse(path)
		if err != nil {
			return err
		}
		path = link.RequestURI()
	}
	return c.Do(ctx, http.MethodGet, path, nil, nil).Into(http.StatusOK, into)
}

func (c *Client) send(ctx context.Context, method, path, contentType string, body []byte, header http.Header) Answer {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return Answer{Outcome: Refused, Err: err}
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if bearer := c.Bearer(); bearer != "" {
		request.Header.Set("Authorization", bearer)
	}
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		if connected.Load() {
			return Answer{Outcome: Unknown, Err: withoutURL(err)}
		}
		return Answer{Outcome: Refused, Err: withoutURL(err)}
	}
	defer func() { _ = response.Body.Close() }()
	answer := Answer{Status: response.StatusCode, RequestID: response.Header.Get("Request-Id"), Outcome: outcomeOf(response.StatusCode)}
	if answer.Text, err = io.ReadAll(response.Body); err != nil && answer.Outcome == Done {
		answer.Err = err
		if response.StatusCode < http.StatusBadRequest {
			answer.Outcome = Unknown // it was carried out, but what it answered is not known: as good as unknown
		}
	}
	return answer
}

// outcomeOf says what a status means for whether a request was carried out.
func outcomeOf(status int) Outcome {
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusUnauthorized:
		return Refused
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return Unknown
	}
	return Done
}

// withoutURL leaves out what every error of net/http repeats.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
