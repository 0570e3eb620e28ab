package credential

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// typeClientCertificate is a TLS client certificate as it is kept and shown. It is written as a pkcs12Certificate.
const typeClientCertificate = "clientCertificateAuthentication"

const memberCertificateList = "certificateList"

// The members of pkcs12CertificateInformation, in the order in which Graph writes them (contract section 2.3).
const (
	memberThumbprint = "thumbprint"
	memberNotAfter   = "notAfter"
	memberNotBefore  = "notBefore"
	memberIsActive   = "isActive"
)

// showClientCertificate is the kind.show of clientCertificateAuthentication: the certificates, oldest upload first, their
// times in Unix seconds, and which one is in use at now.
func showClientCertificate(a apiconn.Authentication, now time.Time) Object {
	active := a.ActiveCertificate(now)
	list := make([]Object, len(a.Certificates))
	for i, c := range a.Certificates {
		list[i] = Object{
			{memberThumbprint, c.Thumbprint},
			{memberNotAfter, c.NotAfter.Unix()},
			{memberNotBefore, c.NotBefore.Unix()},
			{memberIsActive, i == active},
		}
	}
	return Object{{memberCertificateList, list}}
}

// readClientCertificate is the kind.read of clientCertificateAuthentication: what a reader was shown may be sent back and
// changes nothing; anything else is refused (contract section 2.4).
func readClientCertificate(_ context.Context, _ share, b body, now time.Time) (Proposal, error) {
	if err := b.only(typeClientCertificate, memberCertificateList); err != nil {
		return Proposal{}, err
	}
	raw, present := b.members[memberCertificateList]
	list, isList := raw.([]any)
	if present && raw != nil && !isList {
		return Proposal{}, &apiconn.Error{
			Kind: apiconn.Invalid, Reason: apiconn.ReasonWrongType, Field: b.path + memberCertificateList,
			Message: "The property '" + b.path + memberCertificateList + "' must be an array, but " + jsonType(raw) + " was given.",
		}
	}
	return Proposal{against: func(current *apiconn.Authentication) (Change, error) {
		if isList && current != nil && current.Type == typeClientCertificate && sameList(list, *current, now) {
			return Change{Type: typeClientCertificate}, nil
		}
		return Change{}, apiconn.Invalidf(strings.TrimSuffix(b.path, "/"),
			"A #microsoft.graph.%s cannot be written: it is what a reader sees, and it may only be sent back unchanged. "+
				"To set a certificate, send a #microsoft.graph.%s; to add one, use uploadClientCertificate.", typeClientCertificate, typePKCS12)
	}}, nil
}

// sameList tells whether given is the certificateList that a reader of current sees at now.
func sameList(given []any, current apiconn.Authentication, now time.Time) bool {
	shown := showClientCertificate(current, now)[0].Value.([]Object)
	return slices.EqualFunc(given, shown, func(g any, s Object) bool {
		entry, ok := g.(map[string]any)
		if !ok {
			return false
		}
		for _, m := range s {
			if !sameValue(entry[m.Name], m.Value) {
				return false
			}
		}
		for name := range entry {
			known := slices.ContainsFunc(s, func(m Member) bool { return m.Name == name })
			if !known && !strings.Contains(name, "@") { // an annotation is no member
				return false
			}
		}
		return true
	})
}

// sameValue compares a JSON value with one that Show gave. An integer may come back as a string: a reader who asked for
// IEEE754Compatible=true was shown it so (OData JSON 4.01 section 7.1).
func sameValue(given, shown any) bool {
	want, isInteger := shown.(int64)
	if !isInteger {
		return given == shown
	}
	var text string
	switch v := given.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	got, err := strconv.ParseInt(text, 10, 64)
	return err == nil && got == want
}
