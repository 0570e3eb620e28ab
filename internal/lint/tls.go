package lint

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// originalSuites are those of the original's eight cipher suites (runtime contract 5.5) that Go has. The other two are
// AES-256 in CBC mode.
var originalSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
}

// tlsProbes are those that fit the session's credential.
func (s *session) tlsProbes() []question {
	rows := []question{
		{"TLS 1.3 only", version(tls.VersionTLS13, "The endpoint works; newer callers gain from TLS 1.3.")},
		{"TLS 1.2 only", version(tls.VersionTLS12, "The original may come with TLS 1.2 only. Offer it too.")},
		{"TLS 1.1 and 1.0", (*session).oldVersions},
		{"the cipher suites of the original", (*session).suites},
		{"the server certificate's validity", (*session).validity},
	}
	if s.Credential.Certificate != nil {
		rows = append(rows, question{"the client certificate is asked for", (*session).asked})
	}
	return rows
}

func version(v uint16, advice string) func(*session, context.Context, probe) Check {
	return func(s *session, ctx context.Context, _ probe) Check {
		state, _, err := s.handshake(ctx, func(c *tls.Config) { c.MinVersion, c.MaxVersion = v, v })
		if err != nil {
			return Check{Verdict: Warning, Detail: plain(err), Advice: advice}
		}
		return Check{Verdict: Accepted, Detail: tls.CipherSuiteName(state.CipherSuite)}
	}
}

func (s *session) oldVersions(ctx context.Context, _ probe) Check {
	state, dialled, err := s.handshake(ctx, func(c *tls.Config) {
		c.MinVersion, c.MaxVersion, c.CipherSuites = tls.VersionTLS10, tls.VersionTLS11, everySuite() // to see whether they are refused
	})
	switch {
	case err == nil:
		return Check{
			Verdict: Warning, Detail: "the endpoint still speaks " + tls.VersionName(state.Version),
			Advice: "Switch off TLS 1.0 and 1.1 (RFC 8996). Patchbay never uses them.",
		}
	case !dialled:
		return Check{Verdict: Warning, Detail: plain(err)}
	}
	return Check{Verdict: Refused}
}

// everySuite is what Go can do at all: those of old versions are not among its defaults.
func everySuite() []uint16 {
	var ids []uint16
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		ids = append(ids, suite.ID)
	}
	return ids
}

// suites tries each suite by itself over TLS 1.2. Which of the two families there is depends on the server's key.
func (s *session) suites(ctx context.Context, _ probe) Check {
	var offered []string
	for _, id := range originalSuites {
		state, _, err := s.handshake(ctx, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CipherSuites = tls.VersionTLS12, tls.VersionTLS12, []uint16{id}
		})
		if err == nil {
			offered = append(offered, tls.CipherSuiteName(state.CipherSuite))
		}
	}
	if len(offered) == 0 {
		return Check{
			Verdict: Warning, Detail: "none of them is offered",
			Advice: "The original could not call this endpoint. Offer an ECDHE suite with AES-GCM over TLS 1.2.",
		}
	}
	c := Check{Verdict: Accepted, Detail: strings.Join(offered, ", ")}
	if !strings.Contains(c.Detail, "_GCM_") {
		c.Verdict, c.Advice = Warning, "Offer a suite with AES-GCM; those in CBC mode are on their way out."
	}
	return c
}

func (s *session) validity(context.Context, probe) Check {
	end := s.first.TLS.PeerNotAfter
	left := end.Sub(s.Now())
	c := Check{Verdict: Accepted, Detail: "valid until " + end.UTC().Format("2006-01-02")}
	if left < soon {
		c.Verdict = Warning
		c.Detail = fmt.Sprintf("it ends on %s, in %d days", end.UTC().Format("2006-01-02"), int(left.Hours()/24))
		c.Advice = "Renew the endpoint's certificate: from that day on every sign-up fails."
	}
	return c
}

// asked looks at the first call: a server that does not ask never sees a certificate.
func (s *session) asked(context.Context, probe) Check {
	if s.first.TLS.ClientCertificate != "" {
		return Check{Verdict: Accepted, Detail: "shown: " + s.first.TLS.ClientCertificate}
	}
	return Check{
		Verdict: Wrong, Detail: "the endpoint did not ask for a client certificate in the handshake, so it never saw one",
		Advice: "Ask for client certificates on the whole listener. Asking only after the request was read (renegotiation) needs allowLateClientCertificate in the connector's call settings.",
	}
}
