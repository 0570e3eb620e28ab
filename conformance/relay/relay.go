package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// control is where a check asks for faults and reads what was seen.
const control = "/__relay"

// options is what Relay is told on its command line.
type options struct {
	listen string   // of the proxy; the front takes a free port of the same address
	to     string   // URL of the server
	ca     string   // PEM file that the server's certificate is checked with
	maps   []string // host:port that the proxy leads here
}

// relay is the two servers and what they share.
type relay struct {
	to       *url.URL
	mapped   map[string]bool // by host:port: what the proxy leads here
	record   *record
	http1    *http.Transport
	http2    *http.Transport
	tunnels  *tunnels
	proxy    *http.Server
	front    *http.Server
	proxyNet net.Listener
	frontNet net.Listener
	dir      string // where the ca file is
}

// start opens both ports and serves them.
func start(ctx context.Context, o options) (*relay, error) {
	to, err := url.Parse(o.to)
	if err != nil || to.Scheme != "https" || to.Host == "" {
		return nil, fmt.Errorf("--to is %q; it must be an https URL", o.to)
	}
	theirs, err := os.ReadFile(o.ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(theirs) {
		return nil, fmt.Errorf("there is no certificate in %s", o.ca)
	}
	r := &relay{
		to: to, mapped: map[string]bool{to.Host: true}, record: newRecord(),
		http1: transport(roots, false), http2: transport(roots, true),
	}
	hosts := []string{"localhost", "127.0.0.1", "::1", to.Hostname()}
	for _, mapping := range o.maps {
		host, _, err := net.SplitHostPort(mapping)
		if err != nil {
			return nil, fmt.Errorf("--map is HOST:PORT: %w", err)
		}
		r.mapped[strings.ToLower(mapping)] = true
		hosts = append(hosts, host)
	}
	certificate, ours, err := newCertificate(hosts)
	if err != nil {
		return nil, err
	}
	if err := r.open(ctx, o.listen, bundle(ours, theirs)); err != nil {
		r.stop()
		return nil, err
	}
	r.serve(certificate)
	return r, nil
}

// transport forwards in one protocol, and changes nothing.
func transport(roots *x509.CertPool, http2 bool) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	return &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, Protocols: &protocols,
		DisableCompression: true, MaxIdleConnsPerHost: 32, IdleConnTimeout: 30 * time.Second,
	}
}

// open takes the ports and writes the ca file.
func (r *relay) open(ctx context.Context, listen string, ca []byte) error {
	var err error
	var config net.ListenConfig
	if r.proxyNet, err = config.Listen(ctx, "tcp", listen); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(r.proxyNet.Addr().String())
	if err != nil {
		return err
	}
	if r.frontNet, err = config.Listen(ctx, "tcp", net.JoinHostPort(host, "0")); err != nil {
		return err
	}
	if r.dir, err = os.MkdirTemp("", "relay"); err != nil {
		return err
	}
	return os.WriteFile(r.caFile(), ca, 0o600)
}

// serve begins to serve. The front's server has two listeners: its own port and what the proxy leads to it.
func (r *relay) serve(certificate tls.Certificate) {
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // broken handshakes are what some checks are about
	r.tunnels = newTunnels(r.frontNet.Addr())
	r.front = &http.Server{
		Handler: http.HandlerFunc(r.forward), ErrorLog: quiet, ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}},
	}
	r.proxy = &http.Server{Handler: http.HandlerFunc(r.connect), ErrorLog: quiet, ReadHeaderTimeout: time.Minute}
	go func() { _ = r.front.ServeTLS(r.frontNet, "", "") }()
	go func() { _ = r.front.ServeTLS(r.tunnels, "", "") }()
	go func() { _ = r.proxy.Serve(r.proxyNet) }()
}

// stop ends everything at once and removes the ca file.
func (r *relay) stop() {
	for _, server := range []*http.Server{r.proxy, r.front} {
		if server != nil {
			_ = server.Close()
		}
	}
	for _, listener := range []net.Listener{r.proxyNet, r.frontNet} {
		if listener != nil {
			_ = listener.Close()
		}
	}
	r.http1.CloseIdleConnections()
	r.http2.CloseIdleConnections()
	if r.dir != "" {
		_ = os.RemoveAll(r.dir)
	}
}

func (r *relay) caFile() string { return filepath.Join(r.dir, "ca.pem") }

func (r *relay) frontURL() string {
	_, port, _ := net.SplitHostPort(r.frontNet.Addr().String())
	return "https://localhost:" + port
}

func (r *relay) proxyURL() string { return "http://" + r.proxyNet.Addr().String() }

// connect is the proxy: it leads tunnels to the front.
func (r *relay) connect(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodConnect && req.URL.Host == "" && req.URL.Path == control {
		r.control(w, req)
		return
	}
	refused := req.Method != http.MethodConnect || !r.mapped[strings.ToLower(req.Host)]
	r.record.tunnel(req.Host, refused)
	if refused {
		http.Error(w, "relay: "+req.Host+" is not mapped", http.StatusForbidden)
		return
	}
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = connection.SetDeadline(time.Time{})
	if _, err := io.WriteString(connection, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = connection.Close()
		return
	}
	r.tunnels.lead(early{Conn: connection, reader: buffered.Reader})
}

// forward is the front: it answers with a fault that was asked for, or else passes the request on.
func (r *relay) forward(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == control {
		r.control(w, req)
		return
	}
	s, fault := r.record.come(req)
	if fault != nil {
		fault.answer(w)
		r.record.answered(s, fault.Status)
		return
	}
	answer, err := r.transportOf(req).RoundTrip(r.outgoing(req))
	if err != nil {
		answerJSON(w, http.StatusBadGateway, graphError(http.StatusBadGateway, "The relay of the conformance suites got no answer: "+err.Error()))
		r.record.answered(s, http.StatusBadGateway)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	r.record.answered(s, answer.StatusCode)
	passBack(w, answer)
}

func (r *relay) transportOf(req *http.Request) *http.Transport {
	if req.ProtoMajor == 2 {
		return r.http2
	}
	return r.http1
}

// outgoing is the request as the server is to get it.
func (r *relay) outgoing(req *http.Request) *http.Request {
	out := req.Clone(req.Context())
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = r.to.Scheme, r.to.Host
	if strings.HasPrefix(req.RequestURI, "/") && !strings.HasPrefix(req.RequestURI, "//") {
		out.URL = &url.URL{Scheme: r.to.Scheme, Host: r.to.Host, Opaque: req.RequestURI} // escaped as it came
	}
	out.Host = req.Host
	ofConnection(out.Header)
	if _, given := out.Header["User-Agent"]; !given {
		out.Header["User-Agent"] = nil // or Go would name itself
	}
	if out.ContentLength == 0 {
		out.Body = http.NoBody
		if out.Header.Get("Content-Length") != "" {
			out.TransferEncoding = []string{"identity"} // Go's way to say that the 0 is to be written
		}
	}
	return out
}

// passBack gives the client the server's answer as it comes.
func passBack(w http.ResponseWriter, answer *http.Response) {
	ofConnection(answer.Header)
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if _, given := answer.Header["Content-Type"]; !given {
		w.Header()["Content-Type"] = nil // or Go would guess one
	}
	if _, given := answer.Header["Date"]; !given {
		w.Header()["Date"] = nil
	}
	w.WriteHeader(answer.StatusCode)
	_, err := io.Copy(flushing{w, http.NewResponseController(w)}, answer.Body)
	for name, values := range answer.Trailer {
		w.Header()[http.TrailerPrefix+name] = values
	}
	if err != nil {
		panic(http.ErrAbortHandler) // an answer that broke off is to break off here too
	}
}

// ofConnection removes the headers that concern one connection only (RFC 9110, section 7.6.1).
func ofConnection(headers http.Header) {
	for _, list := range headers["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			headers.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		headers.Del(name)
	}
}

// control takes faults and tells what was seen.
func (r *relay) control(w http.ResponseWriter, req *http.Request) {
	switch req.Method {
	case http.MethodPost:
		f, err := readFault(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.record.expect(f)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet:
		answerJSON(w, http.StatusOK, r.record.report())
	case http.MethodDelete:
		r.record.reset()
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, POST, DELETE")
		http.Error(w, "GET, POST or DELETE", http.StatusMethodNotAllowed)
	}
}

// flushing sends on at once whatever is written.
type flushing struct {
	io.Writer
	controller *http.ResponseController
}

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	return n, errors.Join(err, f.controller.Flush())
}
