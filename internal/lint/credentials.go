package lint

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/outbound"
)

// credentialProbes are those that fit the session's credential: everything but it must be refused.
func (s *session) credentialProbes() []question {
	rows := []question{{"without credentials", (*session).withoutCredentials}}
	if s.Credential.Certificate != nil {
		return append(rows, question{"with another's certificate of the same names", (*session).foreignCertificate})
	}
	if !s.open() {
		rows = append(rows, question{"with a wrong password", (*session).wrongPassword}, question{"with a wrong user name", (*session).wrongUsername},
			question{"the characters of the password", (*session).portablePassword})
	}
	if _, had := s.keyed(); had {
		rows = append(rows, question{"without the query of the URL", (*session).withoutQuery})
	}
	return rows
}

func (s *session) withoutCredentials(ctx context.Context, p probe) Check {
	c := s.refusal(s.send(ctx, p, s.request(p), call{anonymous: true}))
	if _, keyed := s.keyed(); c.Verdict == Wrong && keyed && s.open() {
		c.Verdict, c.Detail = Warning, "only the query of the URL keeps strangers out"
		c.Advice = "Keys in URLs end up in logs. Demand a user name and password or a client certificate too."
	}
	return c
}

func (s *session) withoutQuery(ctx context.Context, p probe) Check {
	without, _ := s.keyed()
	c := s.refusal(s.send(ctx, p, s.request(p), call{url: without}))
	if c.Verdict == Wrong && !s.open() {
		c = Check{Verdict: Accepted, Detail: "the query is no key: calls pass without it"}
	}
	return c
}

func (s *session) wrongPassword(ctx context.Context, p probe) Check {
	return s.refusal(s.send(ctx, p, s.request(p), call{credential: &outbound.Credential{
		Version: "wrong password", Username: s.Credential.Username, Password: credential.NewSecret(newID()),
	}}))
}

func (s *session) wrongUsername(ctx context.Context, p probe) Check {
	return s.refusal(s.send(ctx, p, s.request(p), call{credential: &outbound.Credential{
		Version: "wrong user name", Username: "lint-" + newID(), Password: s.Credential.Password,
	}}))
}

// portablePassword: nothing says in which character set a password is sent (runtime contract 5.2).
func (s *session) portablePassword(context.Context, probe) Check {
	text := s.Credential.Username + string(s.Credential.Password.Reveal())
	if strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) {
		return Check{
			Verdict: Warning, Detail: "user name or password have characters beyond ASCII",
			Advice: "Patchbay sends UTF-8; nothing says what others do. Use ASCII.",
		}
	}
	return Check{Verdict: Accepted, Detail: "ASCII only"}
}

func (s *session) foreignCertificate(ctx context.Context, p probe) Check {
	forged, err := forge(s.Credential.Certificate)
	if err != nil {
		return Check{Verdict: Warning, Detail: "no such certificate could be made: " + err.Error()}
	}
	return s.refusal(s.send(ctx, p, s.request(p), call{credential: &outbound.Credential{Version: "forged", Thumbprint: "forged", Certificate: forged}}))
}

// forge makes a certificate with the names of the given one and another key, signed by an issuer of the same name: an
// endpoint that looks at names only takes it.
func forge(given *tls.Certificate) (*tls.Certificate, error) {
	leaf := given.Leaf
	if leaf == nil {
		var err error
		if leaf, err = x509.ParseCertificate(given.Certificate[0]); err != nil {
			return nil, err
		}
	}
	issuerKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	issuer := &x509.Certificate{
		SerialNumber: big.NewInt(1), RawSubject: leaf.RawIssuer, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	template := &x509.Certificate{
		SerialNumber: leaf.SerialNumber, RawSubject: leaf.RawSubject, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
		DNSNames: leaf.DNSNames, EmailAddresses: leaf.EmailAddresses, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), issuerKey)
	if err != nil {
		return nil, err
	}
	forged, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: forged}, nil
}

// refusal is the check of an answer that should be a refusal of the credentials.
func (s *session) refusal(o outcome) Check {
	if !o.answered() {
		return s.silence(o.result)
	}
	c := Check{Verdict: Refused, Detail: statusText(o.result.Status), Action: o.verdict.Action, Reason: o.verdict.Reason}
	switch status := o.result.Status; {
	case o.verdict.Action != apiconn.Failed:
		c.Verdict = Wrong
		c.Detail = "it is open to everybody: a stranger is answered " + string(o.verdict.Action)
		c.Advice = "Refuse calls without the right credentials with status 401, before looking at the claims."
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
	case status >= 400 && status < 500:
		c.Verdict = Warning
		c.Detail = "refused with " + statusText(status)
		c.Advice = "Answer 401 to wrong credentials, so that a receipt can say what is wrong."
	default:
		c.Verdict = Warning
		c.Detail = "neither let in nor refused: " + statusText(status)
		c.Advice = "Answer 401 to wrong credentials."
	}
	return c
}

// silence is the check of a stranger's call that got no answer. With certificates that is the refusal: TLS 1.3 tells of
// it after the handshake, and many servers just hang up.
func (s *session) silence(r outbound.Result) Check {
	c := Check{Verdict: Warning, Action: apiconn.Failed, Reason: r.Reason, Detail: r.Detail}
	hungUp := strings.HasPrefix(string(r.Reason), "tls_") || r.Reason == apiconn.ReasonConnectionReset || r.Reason == apiconn.ReasonConnectionClosed
	if s.Credential.Certificate != nil && hungUp {
		c.Verdict = Refused
	}
	return c
}

// statusText is a status for people.
func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// soon is how long before the end of a certificate there is a warning, as for connectors' own.
const soon = 30 * 24 * time.Hour
