package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	// attemptTimeout is how long one attempt may take, that of Microsoft's clients.
	attemptTimeout = 100 * time.Second
	// maxAnswer bounds an answer, which is kept in memory; a page of a thousand connectors is about 1 MB.
	maxAnswer = 64 << 20
)

// Client makes requests to one service in the name of one app. It is safe for concurrent use.
type Client struct {
	options Options
	base    *url.URL
	http    *http.Client
	tokens  *tokens
}

// New checks the options and reads their files. It makes no request.
func New(o Options) (*Client, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.AuthorityHost == "" {
		o.AuthorityHost = o.URL
	}
	if o.Scope == "" {
		o.Scope = defaultScope
	}
	if o.UserAgent == "" {
		o.UserAgent = "patchbay"
	}
	if o.MaxWait == 0 {
		o.MaxWait = defaultMaxWait
	}
	base, err := address(o.URL, "the URL of the service")
	if err != nil {
		return nil, err
	}
	authority, err := address(o.AuthorityHost, "the URL of the authority")
	if err != nil {
		return nil, err
	}
	settings, err := trust(o.CAFile)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: settings, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
	}
	c := &Client{options: o, base: base, http: &http.Client{Transport: transport, Timeout: attemptTimeout, CheckRedirect: stay}}
	if c.tokens, err = newTokens(c, authority); err != nil {
		return nil, err
	}
	return c, nil
}

// stay follows no redirect: a token or a secret would go where nobody decided to send it.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Response is an answer with a status below 300.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes a request. path begins with a slash and stands below the service's URL ("/v1.0/identity/apiConnectors"); a whole
// URL is taken if it leads to the same service, as links in answers do. A body that is []byte or json.RawMessage is sent as
// it is, nil is none, and all else is written as JSON. An answer of 300 and above is an *Error.
func (c *Client) Do(ctx context.Context, method, path string, body any, header http.Header) (*Response, error) {
	target, err := c.resolve(path)
	if err != nil {
		return nil, err
	}
	content, err := encode(body)
	if err != nil {
		return nil, err
	}
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if content != nil && header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	for name, value := range map[string]string{"Accept": "application/json", "Client-Request-Id": uuid.NewString()} {
		if header.Get(name) == "" {
			header.Set(name, value)
		}
	}
	res, err := c.authorized(ctx, method, target, content, header)
	if err != nil {
		return nil, err
	}
	if res.Status >= http.StatusMultipleChoices {
		return nil, refusal(res)
	}
	return res, nil
}

// authorized makes a request with a token; once more with a new one if the service does not take it any longer.
func (c *Client) authorized(ctx context.Context, method, target string, content []byte, header http.Header) (*Response, error) {
	for renewed := false; ; renewed = true {
		token, err := c.tokens.get(ctx)
		if err != nil {
			return nil, err
		}
		header.Set("Authorization", "Bearer "+token)
		res, err := c.send(ctx, method, target, content, header)
		if err != nil || res.Status != http.StatusUnauthorized || renewed || c.options.Token != "" {
			return res, err
		}
		c.tokens.forget(token)
	}
}

// resolve makes the URL of a request.
func (c *Client) resolve(path string) (string, error) {
	if strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") {
		return c.base.String() + path, nil
	}
	u, err := url.Parse(path)
	if err != nil || origin(u) != origin(c.base) {
		return "", fmt.Errorf("the link leads away from %s, so it was not followed: a token goes nowhere else", c.base)
	}
	return path, nil
}

// origin is what two URLs of one service have in common.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// Query writes query options so that every server reads them alike: a space is %20.
func Query(options url.Values) string { return strings.ReplaceAll(options.Encode(), "+", "%20") }

// encode makes the octets of a body.
func encode(body any) ([]byte, error) {
	switch b := body.(type) {
	case nil:
		return nil, nil
	case []byte:
		return b, nil
	case json.RawMessage:
		return b, nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, fmt.Errorf("write the body: %w", err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// attempt makes one request and reads its answer whole.
func (c *Client) attempt(ctx context.Context, method, target string, content []byte, header http.Header) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("the request cannot be made: %w", err)
	}
	if content == nil {
		req.Body, req.GetBody = http.NoBody, nil
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", c.options.UserAgent)
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, unreachable(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if len(answer) > maxAnswer {
		return nil, fmt.Errorf("the answer is larger than %d MB", maxAnswer>>20)
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: answer}, nil
}

// unreachable is an error of the network without the URL's path and query, which may hold what somebody searched for.
func unreachable(err error) error {
	failed := (*url.Error)(nil)
	if !errors.As(err, &failed) {
		return err
	}
	place, _, _ := strings.Cut(failed.URL[strings.Index(failed.URL, "://")+3:], "/")
	return fmt.Errorf("%s does not answer: %w", place, failed.Err)
}
