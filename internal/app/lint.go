package app

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/guard"
	"github.com/patchbay/patchbay/internal/lint"
	"github.com/patchbay/patchbay/internal/outbound"
)

// LintOptions says what `patchbay lint` examines and how, in the words of its flags.
type LintOptions struct {
	URL                            string
	Basic                          Login
	PKCS12File, PKCS12PasswordFile string
	CertFile, KeyFile              string // PEM
	CAFile                         string // PEM; the only authorities trusted; "": the system's
	Flows, Steps                   []string
	Budget                         time.Duration
	ExtensionsApp                  string
	Allow                          []string // exceptions of the address guard
	Guard                          string   // its mode
	AllowHTTP                      bool
}

// LintCheck is the outcome of one probe of an endpoint.
type LintCheck = lint.Check

// LintSummary counts the outcomes.
type LintSummary = lint.Summary

// Lint is a prepared examination of an endpoint.
type Lint struct{ options lint.Options }

// PrepareLint turns words into an examination. Every error is one about the words.
func PrepareLint(ctx context.Context, o LintOptions, log *slog.Logger) (*Lint, error) {
	l := lint.Options{URL: o.URL, Budget: o.Budget, AllowHTTP: o.AllowHTTP}
	if err := apiconn.ValidateTargetURL(o.URL, o.AllowHTTP); err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "'targetUrl'", "URL"))
	}
	var err error
	if l.Credential, err = o.credential(ctx); err != nil {
		return nil, err
	}
	if o.CAFile != "" {
		if l.Roots, err = readRoots(o.CAFile, "ca"); err != nil {
			return nil, err
		}
	}
	for _, name := range o.Flows {
		kind := apiconn.UserFlowKind(strings.ToLower(name))
		if kind != apiconn.B2X && kind != apiconn.B2C {
			return nil, fmt.Errorf("there is no kind of flow %q; the kinds are %s and %s", name, apiconn.B2X, apiconn.B2C)
		}
		l.Kinds = append(l.Kinds, kind)
	}
	for _, name := range o.Steps {
		step, known := apiconn.StepByName(name)
		if !known {
			return nil, fmt.Errorf("there is no step %q; the steps are %s", name, stepNames())
		}
		l.Steps = append(l.Steps, step)
	}
	if l.ExtensionsApp = strings.ToLower(strings.ReplaceAll(o.ExtensionsApp, "-", "")); l.ExtensionsApp != "" && !isHex32(l.ExtensionsApp) {
		return nil, errors.New("an extensions app is named by its app id, a GUID")
	}
	if l.Guard, err = guard.New(guard.Mode(o.Guard), o.Allow, log); err != nil {
		return nil, err
	}
	l.Client = outbound.New(outbound.Options{Guard: l.Guard, Roots: l.Roots, AllowHTTP: o.AllowHTTP, UserAgent: "Patchbay-lint"})
	if err := l.Check(); err != nil {
		return nil, err
	}
	return &Lint{options: l}, nil
}

// Run makes every probe in turn and reports each. An error means that ctx ended.
func (l *Lint) Run(ctx context.Context, report func(LintCheck)) (LintSummary, error) {
	defer l.options.Client.Close()
	return lint.Run(ctx, l.options, report)
}

// URL is the endpoint's, fit to be shown.
func (l *Lint) URL() string { return apiconn.RedactQuery(l.options.URL) }

// credential reads the one credential that the flags name.
func (o LintOptions) credential(ctx context.Context) (outbound.Credential, error) {
	username, password, basic, err := o.Basic.read()
	if err != nil {
		return outbound.Credential{}, err
	}
	pem := o.CertFile != "" || o.KeyFile != ""
	if basic && (pem || o.PKCS12File != "") || pem && o.PKCS12File != "" {
		return outbound.Credential{}, errors.New("give one credential: a user name and password, a PKCS#12 file, or a certificate with its key")
	}
	switch {
	case basic:
		return outbound.Credential{Version: "given", Username: username, Password: credential.NewSecret(password)}, nil
	case o.PKCS12File != "":
		return o.pkcs12(ctx)
	case pem:
		return o.pem()
	}
	if o.PKCS12PasswordFile != "" {
		return outbound.Credential{}, errors.New("there is a password file for a PKCS#12 file, and no PKCS#12 file")
	}
	return outbound.Credential{}, nil
}

// pkcs12 opens a PKCS#12 file by the same rules as an upload, so that a file that passes here passes there.
func (o LintOptions) pkcs12(ctx context.Context) (outbound.Credential, error) {
	file, err := os.ReadFile(o.PKCS12File)
	if err != nil {
		return outbound.Credential{}, fmt.Errorf("pkcs12: %w", err)
	}
	var password []byte
	if o.PKCS12PasswordFile != "" {
		if password, err = readPrivateFile(o.PKCS12PasswordFile, "the file with the password of the PKCS#12 file"); err != nil {
			return outbound.Credential{}, err
		}
	}
	given := credential.Given{Type: "microsoft.graph.pkcs12Certificate", Members: map[string]any{
		"pkcs12Value": base64.StdEncoding.EncodeToString(file), "password": strings.TrimRight(string(password), "\r\n"),
	}}
	proposal, err := credential.NewIntake(1).Read(ctx, "lint", given, now())
	if err != nil {
		return outbound.Credential{}, fmt.Errorf("pkcs12: %w", err)
	}
	change, err := proposal.Against(nil)
	if err != nil {
		return outbound.Credential{}, fmt.Errorf("pkcs12: %w", err)
	}
	pair, err := credential.ParseStored(change.Certificate.Stored)
	if err != nil {
		return outbound.Credential{}, fmt.Errorf("pkcs12: %w", err)
	}
	return certificateCredential(pair), nil
}

// pem reads a certificate with its chain, and its key.
func (o LintOptions) pem() (outbound.Credential, error) {
	if o.CertFile == "" || o.KeyFile == "" {
		return outbound.Credential{}, errors.New("cert and key go together")
	}
	key, err := readPrivateFile(o.KeyFile, "the key file")
	if err != nil {
		return outbound.Credential{}, err
	}
	chain, err := os.ReadFile(o.CertFile)
	if err != nil {
		return outbound.Credential{}, fmt.Errorf("cert: %w", err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return outbound.Credential{}, fmt.Errorf("%s with %s: %w", o.CertFile, o.KeyFile, err)
	}
	return certificateCredential(pair), nil
}

func certificateCredential(pair tls.Certificate) outbound.Credential {
	thumbprint := fmt.Sprintf("%X", sha1.Sum(pair.Certificate[0]))
	return outbound.Credential{Version: thumbprint, Thumbprint: thumbprint, Certificate: &pair}
}

// stepNames lists the steps for people.
func stepNames() string {
	names := make([]string, len(apiconn.Steps))
	for i, s := range apiconn.Steps {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}

func isHex32(text string) bool {
	return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
}
