package app

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/config"
	"github.com/patchbay/patchbay/internal/target"
)

// TargetOptions says how `patchbay target` runs.
type TargetOptions struct {
	Listen              string
	DataDir             string // of the certificate made on the spot; unused with CertFile
	CertFile, KeyFile   string
	Basic               Login
	ClientCAFile        string // PEM; client certificates have to come from these, or be these
	CertificateSuffices bool   // a caller with a client certificate needs no password
	ClientCertificate   string // ignored, optional or required; "" means required with a ClientCAFile, else optional

	Answer, Message string
	Claims          []string // name=value
	Delay           time.Duration
	Careless        bool
	IgnoreEmail     bool
	ShowValues      bool
}

// Login is the user name and password of a command line: as a word, or the path of a private file that holds it.
type Login struct {
	Text string // user:password
	File string
	Env  string // the name of the variable that Text came from, "" if it came from elsewhere
}

// read returns user name and password; false if there are none.
func (l Login) read() (username, password string, given bool, err error) {
	text := l.Text
	if l.File != "" {
		content, err := readPrivateFile(l.File, "the file with user name and password")
		if err != nil {
			return "", "", false, err
		}
		text = strings.TrimRight(string(content), "\r\n")
	}
	if text == "" && l.File == "" && l.Env == "" {
		return "", "", false, nil
	}
	username, password, colon := strings.Cut(text, ":")
	if !colon || username == "" { // the text may be a password, so it is not shown
		return "", "", false, errors.New("a user name and password are written as user:password")
	}
	return username, password, true, nil
}

// TargetBehaviour is a row of the table of what a target can do.
type TargetBehaviour = target.Behaviour

// TargetBehaviours returns that table.
func TargetBehaviours() []TargetBehaviour { return target.Behaviours() }

// Target runs a connector endpoint until ctx is done. It prints to out how to reach and bind it, then a line per call.
func Target(ctx context.Context, o TargetOptions, log *slog.Logger, out io.Writer) error {
	options, username, err := o.options(out)
	if err != nil {
		return err
	}
	endpoint, err := target.New(options)
	if err != nil {
		return err
	}
	ca, certificate, err := o.certificate(log)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("the target's listener: %w", err)
	}
	facts := targetFacts{url: targetURL(ln.Addr(), certificate), ca: ca, username: username, login: o.Basic, demand: options.ClientCertificates}
	if err := facts.print(out); err != nil {
		return errors.Join(fmt.Errorf("print what to paste: %w", err), ln.Close())
	}
	return endpoint.Serve(ctx, ln, tlsConfig(certificate))
}

// options turns words into the target's own options.
func (o TargetOptions) options(out io.Writer) (options target.Options, username string, err error) {
	options = target.Options{
		Answer: o.Answer, Message: o.Message, Delay: o.Delay, IgnoreEmail: o.IgnoreEmail, Careless: o.Careless,
		ClientCertificates: target.Demand(o.ClientCertificate), CertificateSuffices: o.CertificateSuffices, ShowValues: o.ShowValues, Out: out,
	}
	username, password, given, err := o.Basic.read()
	if err != nil {
		return target.Options{}, "", err
	}
	if given {
		options.Basic = target.NewBasic(username, password)
	}
	if o.ClientCAFile != "" {
		if options.ClientRoots, err = readRoots(o.ClientCAFile, "client-ca"); err != nil {
			return target.Options{}, "", err
		}
	}
	if o.ClientCertificate == "" {
		options.ClientCertificates = target.Optional
		if o.ClientCAFile != "" {
			options.ClientCertificates = target.Required
		}
	}
	for _, text := range o.Claims {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return target.Options{}, "", fmt.Errorf("the claim %q is not written as name=value", text)
		}
		if options.Claims == nil {
			options.Claims = map[string]any{}
		}
		options.Claims[name] = claimValue(value)
	}
	return options, username, nil
}

// claimValue reads a claim's value: a JSON string, number or boolean where it is one, else the text itself.
func claimValue(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if d.Decode(&value) == nil && !d.More() {
		switch v := value.(type) {
		case string, bool:
			return v
		case json.Number:
			if n, err := v.Int64(); err == nil {
				return n
			}
		}
	}
	return text
}

// readRoots reads certificates that are trusted; flag names the file in errors.
func readRoots(path, flag string) (*x509.CertPool, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s: %s holds no certificate in PEM", flag, path)
	}
	return pool, nil
}

// certificate reads the target's certificate, or makes one for localhost as `patchbay dev` does, in the same place.
func (o TargetOptions) certificate(log *slog.Logger) (ca string, c *certificate, err error) {
	if (o.CertFile == "") != (o.KeyFile == "") {
		return "", nil, errors.New("tls-cert-file and tls-key-file go together")
	}
	if o.CertFile != "" {
		c, err = loadCertificate(o.CertFile, o.KeyFile, log, time.Now)
		return "", c, err
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return "", nil, fmt.Errorf("listen: %w", err)
	}
	if !config.IsLoopback(host) {
		return "", nil, fmt.Errorf("listen is %s, but the certificate made on the spot is for localhost only; give --tls-cert-file and --tls-key-file", o.Listen)
	}
	dir, err := filepath.Abs(o.DataDir)
	if err != nil {
		return "", nil, fmt.Errorf("data-dir: %w", err)
	}
	if err := errors.Join(makePrivateDir(dir), requireOwnDir(dir)); err != nil {
		return "", nil, err
	}
	files, err := ensureDevTLS(dir, time.Now())
	if err != nil {
		return "", nil, err
	}
	c, err = loadCertificate(files.CertFile, files.KeyFile, log, time.Now)
	return files.CAFile, c, err
}

// targetURL is how callers on this machine reach the listener: by a name that the certificate has.
func targetURL(at net.Addr, c *certificate) string {
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return "https://" + at.String() + "/"
	}
	leaf := c.current.Load().Leaf
	switch {
	case leaf.VerifyHostname("localhost") == nil && config.IsLoopback(host):
		host = "localhost"
	case leaf.VerifyHostname(host) != nil && len(leaf.DNSNames) > 0:
		host = leaf.DNSNames[0]
	}
	return "https://" + net.JoinHostPort(host, port) + "/"
}
