package client

import (
	"fmt"
	"log/slog"
	"strings"
)

// Change is what to make of a connector; what is nil stays as it is. With PKCS12 the password is that of the file, without it
// that of Basic authentication. It prints without its secrets.
type Change struct {
	DisplayName, TargetURL, Username, Password *string
	PKCS12                                     []byte // a PKCS#12 file
}

// Format writes nothing of the change, whatever the verb.
func (ch Change) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "{change}") }

// LogValue is Format for slog.
func (ch Change) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(ch)) }

// proof tells whether the change has to do with how the connector proves itself.
func (ch Change) proof() bool { return ch.Username != nil || ch.Password != nil || ch.PKCS12 != nil }

type connectorBody struct {
	DisplayName    *string    `json:"displayName,omitempty"`
	TargetURL      *string    `json:"targetUrl,omitempty"`
	Authentication *proofBody `json:"authenticationConfiguration,omitempty"`
}

type proofBody struct {
	Type     string  `json:"@odata.type"`
	Username *string `json:"username,omitempty"`
	PKCS12   []byte  `json:"pkcs12Value,omitempty"` // base64
	Password *string `json:"password,omitempty"`
}

// body is the change as JSON is made of it.
func (ch Change) body() connectorBody {
	b := connectorBody{DisplayName: ch.DisplayName, TargetURL: ch.TargetURL}
	switch {
	case ch.PKCS12 != nil:
		password := ""
		if ch.Password != nil {
			password = *ch.Password
		}
		b.Authentication = &proofBody{Type: typePKCS12, PKCS12: ch.PKCS12, Password: &password}
	case ch.proof():
		b.Authentication = &proofBody{Type: typeBasic, Username: ch.Username, Password: ch.Password}
	}
	return b
}

// Effect is one member that a change alters, for people: secrets are masked.
type Effect struct {
	Member string `json:"member"`
	Before string `json:"before"`
	After  string `json:"after"`
}

const (
	masked    = "******"
	maskedNew = "****** (new)"
	removed   = "(removed)"
)

// Effects says what the change would make of a connector, as it is now. A password is always said to be new, because nobody
// can tell.
func (ch Change) Effects(now Connector) []Effect {
	effects := []Effect{}
	add := func(member, before string, after *string) {
		if after != nil && *after != before {
			effects = append(effects, Effect{member, before, *after})
		}
	}
	add("displayName", now.DisplayName, ch.DisplayName)
	add("targetUrl", now.TargetURL, ch.TargetURL)
	if !ch.proof() {
		return effects
	}
	a, kind := now.Authentication, "basic"
	if ch.PKCS12 != nil {
		kind = "certificate"
	}
	add("authentication", a.Kind(), &kind)
	gone, fresh, before := removed, maskedNew, ""
	if a.Kind() == "basic" {
		before = masked
	}
	if ch.PKCS12 == nil {
		add("username", a.Username, ch.Username)
		if ch.Password != nil {
			add("password", before, &fresh)
		}
		if len(a.Certificates) > 0 {
			add("certificates", a.thumbprints(), &gone)
		}
		return effects
	}
	if a.Kind() == "basic" {
		add("username", a.Username, &gone)
		add("password", masked, &gone)
	}
	certificate := fmt.Sprintf("(new, from a PKCS#12 file of %d bytes)", len(ch.PKCS12))
	add("certificates", a.thumbprints(), &certificate)
	return effects
}

func (a Authentication) thumbprints() string {
	all := make([]string, len(a.Certificates))
	for i, c := range a.Certificates {
		all[i] = c.Thumbprint
	}
	return strings.Join(all, " ")
}
