package outbound

import (
	"errors"
	"net"
	"reflect"
	"slices"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// The TLS alerts that mean something here (RFC 8446 section 6, RFC 5246 section 7.2).
const (
	alertHandshakeFailure     = 40
	alertNoCertificate        = 41
	alertBadCertificate       = 42
	alertUnsupported          = 43
	alertRevoked              = 44
	alertExpired              = 45
	alertUnknown              = 46
	alertUnknownCA            = 48
	alertAccessDenied         = 49
	alertDecryptError         = 51
	alertProtocolVersion      = 70
	alertInsufficientSecurity = 71
	alertNoRenegotiation      = 100
	alertRequired             = 116
)

// certificateAlerts are those with which a server refuses a client's certificate, or that there is none.
var certificateAlerts = []uint64{
	alertNoCertificate, alertBadCertificate, alertUnsupported, alertRevoked, alertExpired, alertUnknown, alertUnknownCA,
	alertAccessDenied, alertDecryptError, alertRequired,
}

// alertOf finds a TLS alert in an error, and whether the peer sent it. crypto/tls does not export its type, only its
// shape: a number in a net.OpError.
func alertOf(err error) (number uint64, remote, found bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Err == nil || op.Op != "remote error" && op.Op != "local error" {
		return 0, false, false
	}
	value := reflect.ValueOf(op.Err)
	if value.Kind() != reflect.Uint8 {
		return 0, false, false
	}
	return value.Uint(), op.Op == "remote error", true
}

// classifyAlert says what an alert means, given what was asked and presented before.
func classifyAlert(number uint64, remote bool, r *recorder) (apiconn.DecisionReason, string) {
	facts := r.facts()
	switch {
	case !remote && number == alertNoRenegotiation:
		// The server asked for a new handshake, which servers do to ask for a certificate.
		return apiconn.ReasonTLSLateCertificate, ""
	case !remote:
		return apiconn.ReasonTLSFailed, ""
	case number == alertProtocolVersion:
		return apiconn.ReasonTLSVersion, ""
	case number == alertInsufficientSecurity:
		return apiconn.ReasonTLSNoCommonSuite, ""
	case slices.Contains(certificateAlerts, number) || number == alertHandshakeFailure && facts.CertificateAsked:
		if facts.ClientCertificate != "" {
			return apiconn.ReasonTLSCertificateRefused, alertWords[number]
		}
		return apiconn.ReasonTLSCertificateRequired, ""
	case number == alertHandshakeFailure:
		return apiconn.ReasonTLSNoCommonSuite, ""
	}
	return apiconn.ReasonTLSFailed, ""
}

// alertWords say in words what a server found wrong with a certificate.
var alertWords = map[uint64]string{
	alertHandshakeFailure: "it gave no reason",
	alertNoCertificate:    "it saw none",
	alertBadCertificate:   "it is not acceptable",
	alertUnsupported:      "its type is not supported",
	alertRevoked:          "it is revoked",
	alertExpired:          "it has expired",
	alertUnknown:          "it gave no particular reason",
	alertUnknownCA:        "its issuer is not trusted",
	alertAccessDenied:     "it is valid, and has no access",
	alertDecryptError:     "its proof of the private key did not verify",
	alertRequired:         "it saw none",
}
