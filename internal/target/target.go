package target

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Demand says whether callers have to show a client certificate.
type Demand string

// The demands.
const (
	Ignored  Demand = "ignored"  // it is not asked for
	Optional Demand = "optional" // it is asked for, and checked if one comes
	Required Demand = "required" // without one there is no connection
)

// Options says how a target behaves. The zero value answers Continue to everybody, obeys the email and prints nothing.
type Options struct {
	Answer  string         // the name of the behaviour for calls that ask for none; "" means continue
	Message string         // of ShowBlockPage and ValidationError; "" means a default
	Claims  map[string]any // of Continue: strings, bools and int64; nil means the default ones
	Delay   time.Duration  // before every answer
	Pace    time.Duration  // between the octets of bytes; 0 means a second

	IgnoreEmail bool // emails do not choose a behaviour
	Careless    bool // takes any method, any media type and a body that is no JSON for a call

	Basic               Basic          // the zero value: anybody may call
	ClientCertificates  Demand         // "" means ignored
	ClientRoots         *x509.CertPool // who may issue client certificates; nil: any certificate will do
	CertificateSuffices bool           // a caller with a client certificate needs no password

	Out        io.Writer        // gets a line for each call; nil: nobody does
	ShowValues bool             // lines have the claims' values too
	Now        func() time.Time // for the lines; nil means time.Now
}

// Basic is the user name and password that callers must send. It keeps a hash, so that nothing can print the password.
// The zero value asks for none.
type Basic struct {
	set  bool
	hash [sha256.Size]byte
}

// NewBasic demands that user name and password.
func NewBasic(username, password string) Basic {
	return Basic{set: true, hash: hashOf(username, password)}
}

func hashOf(username, password string) [sha256.Size]byte {
	return sha256.Sum256([]byte(username + ":" + password)) // a user name has no colon (RFC 7617 section 2)
}

// refusal says why a request may not pass, "" if it may.
func (b Basic) refusal(r *http.Request) string {
	if !b.set {
		return ""
	}
	username, password, given := r.BasicAuth()
	if !given {
		return "no credentials"
	}
	hash := hashOf(username, password)
	if subtle.ConstantTimeCompare(hash[:], b.hash[:]) != 1 {
		return "wrong credentials"
	}
	return ""
}

// refusal says why a request may not pass, "" if it may.
func (o Options) refusal(r *http.Request) string {
	if o.CertificateSuffices && r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return ""
	}
	return o.Basic.refusal(r)
}

// Target is the endpoint, an http.Handler. Serve runs it on a listener. It is safe for concurrent use.
type Target struct {
	options Options
	answer  Behaviour

	mu    sync.Mutex // guards what follows and orders the lines
	calls int
	seen  map[string]bool // invocation ids that flaky has reset once
}

// New checks the options and returns a target.
func New(o Options) (*Target, error) {
	if o.Answer == "" {
		o.Answer = answerContinue
	}
	answer, known := named(o.Answer)
	if !known {
		return nil, fmt.Errorf("there is no behaviour %q; the behaviours are: %s", o.Answer, strings.Join(names(), ", "))
	}
	switch o.ClientCertificates {
	case "":
		o.ClientCertificates = Ignored
	case Ignored, Optional, Required:
	default:
		return nil, fmt.Errorf("client certificates are %s, %s or %s, not %q", Ignored, Optional, Required, o.ClientCertificates)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Claims)) {
		if slices.Contains([]string{"", "version", "action", "status", "userMessage"}, name) {
			return nil, fmt.Errorf("the name %q is a part of every answer and cannot be that of a claim", name)
		}
	}
	if o.Delay < 0 || o.Pace < 0 {
		return nil, errors.New("a delay cannot be negative")
	}
	if o.Pace == 0 {
		o.Pace = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	return &Target{options: o, answer: answer, seen: map[string]bool{}}, nil
}

// names are those of all behaviours.
func names() []string {
	out := make([]string, len(behaviours))
	for i, b := range behaviours {
		out[i] = b.Name
	}
	return out
}

// TLSConfig returns a copy of base that asks for client certificates as the options say. The copy never resumes a
// session: a resumed one would hide a changed client certificate.
func (t *Target) TLSConfig(base *tls.Config) *tls.Config {
	config := base.Clone()
	config.ClientCAs = t.options.ClientRoots
	config.SessionTicketsDisabled = true
	trusted := t.options.ClientRoots != nil
	switch {
	case t.options.ClientCertificates == Required && trusted:
		config.ClientAuth = tls.RequireAndVerifyClientCert
	case t.options.ClientCertificates == Required:
		config.ClientAuth = tls.RequireAnyClientCert
	case t.options.ClientCertificates == Optional && trusted:
		config.ClientAuth = tls.VerifyClientCertIfGiven
	case t.options.ClientCertificates == Optional:
		config.ClientAuth = tls.RequestClientCert
	default:
		config.ClientAuth = tls.NoClientCert
	}
	return config
}
