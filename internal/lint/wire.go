package lint

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/signup"
)

// Limits of the answers to requests that are made here.
const (
	maxAnswer        = 1 << 20
	maxAnswerHeaders = 64 << 10
)

// request is one that the outbound client never makes. It goes over a connection of its own.
type request struct {
	method      string // "": POST
	contentType string // "": application/json
	encoding    string // Accept-Encoding; "": identity
	body        []byte
	http2       bool
}

// answer is what came back.
type answer struct {
	status      int
	protocol    string
	contentType string
	encoding    string
	body        []byte
}

// body is what a call of p carries.
func (s *session) body(p probe) ([]byte, error) {
	return s.encode(p, s.request(p))
}

// plainHTTP tells whether the endpoint has no TLS.
func (s *session) plainHTTP() bool {
	u, err := url.Parse(s.URL)
	return err == nil && u.Scheme == "http"
}

// dialer asks the guard about every address at the moment of dialling it: what is checked is what is dialled.
func (s *session) dialer() *net.Dialer {
	return &net.Dialer{
		Resolver: s.Resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("the address %s is none that can be checked", address)
			}
			return s.Guard.Check(at)
		},
	}
}

// tlsConfig is how the outbound client shakes hands, in the hands of change.
func (s *session) tlsConfig(change func(*tls.Config)) *tls.Config {
	config := &tls.Config{RootCAs: s.Roots, MinVersion: tls.VersionTLS12, CipherSuites: originalSuites, Time: s.Now}
	if own := s.Credential.Certificate; own != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	}
	if change != nil {
		change(config)
	}
	return config
}

// handshake shakes hands on a new connection, says what was agreed on and hangs up. dialled tells a refused handshake
// from a connection that did not come about.
func (s *session) handshake(ctx context.Context, change func(*tls.Config)) (state tls.ConnectionState, dialled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.Budget)
	defer cancel()
	conn, err := s.dialTLS(ctx, change)
	if err != nil {
		var stage *dialError
		return tls.ConnectionState{}, !errors.As(err, &stage), err
	}
	state = conn.ConnectionState()
	return state, true, conn.Close()
}

// dialError is a connection that did not come about.
type dialError struct{ cause error }

// Error says why.
func (e *dialError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *dialError) Unwrap() error { return e.cause }

// dialTLS connects and shakes hands.
func (s *session) dialTLS(ctx context.Context, change func(*tls.Config)) (*tls.Conn, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, errors.New("the URL cannot be read")
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	raw, err := s.dialer().DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, &dialError{err}
	}
	config := s.tlsConfig(change)
	config.ServerName = u.Hostname()
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return conn, nil
}

// make builds the HTTP request.
func (s *session) make(ctx context.Context, r request) (*http.Request, error) {
	if r.method == "" {
		r.method = http.MethodPost
	}
	if r.contentType == "" {
		r.contentType = "application/json"
	}
	if r.encoding == "" {
		r.encoding = "identity"
	}
	req, err := http.NewRequestWithContext(ctx, r.method, s.URL, bytes.NewReader(r.body))
	if err != nil {
		return nil, errors.New("the URL cannot be read") // err would quote it
	}
	if r.method == http.MethodPost {
		req.Header.Set("Content-Type", r.contentType)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", r.encoding)
	req.Header.Set("User-Agent", "Patchbay-lint")
	req.Header.Set("Patchbay-Invocation-Id", newID())
	if s.Credential.Certificate == nil && !s.open() {
		req.SetBasicAuth(s.Credential.Username, string(s.Credential.Password.Reveal()))
	}
	return req, nil
}

// ask sends a request and reads the answer. It follows no redirect and uses no proxy.
func (s *session) ask(ctx context.Context, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Budget)
	defer cancel()
	req, err := s.make(ctx, r)
	if err != nil {
		return answer{}, err
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!r.http2)
	protocols.SetHTTP2(r.http2)
	transport := &http.Transport{
		DialContext: s.dialer().DialContext, TLSClientConfig: s.tlsConfig(nil), Protocols: protocols,
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxAnswerHeaders,
	}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	return read(res)
}

// read takes an answer in.
func read(res *http.Response) (answer, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return answer{}, err
	case len(body) > maxAnswer:
		return answer{}, fmt.Errorf("the answer is larger than %d octets", maxAnswer)
	}
	return answer{
		status: res.StatusCode, protocol: res.Proto, contentType: res.Header.Get("Content-Type"),
		encoding: res.Header.Get("Content-Encoding"), body: body,
	}, nil
}

// verdict is what Patchbay would make of the answer at the place of p.
func (a answer) verdict(s *session, p probe) signup.Verdict {
	if a.encoding == "gzip" {
		body, err := unzip(a.body)
		if err != nil {
			return signup.Verdict{Action: apiconn.Failed, Reason: apiconn.ReasonAnswerEncodingBroken, Detail: "what says that it is gzip is none"}
		}
		a.body = body
	}
	return signup.Judge(p.step, s.request(p).Claims, s.ExtensionsApp, signup.Answer{Status: a.status, ContentType: a.contentType, Body: a.body})
}

// unzip takes gzip apart, up to the size of an answer.
func unzip(body []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxAnswer))
}

// check is the check of an answer that should be one of the contract's.
func (a answer) check(s *session, p probe) Check { return weighed(a.verdict(s, p)) }
