package outbound

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// maxCause bounds what is quoted of a cause, which may hold names from a certificate of the target's.
const maxCause = 300

// sentences say what happened and what to look at. {host} is the target's host, {at} the address that was dialled, {took}
// how long the attempt took, {status} the answer's status, {cause} the cause in parentheses if there is one.
var sentences = map[apiconn.DecisionReason]string{
	apiconn.ReasonInterrupted:            "The caller of the step left after {took}, before {host} had answered.",
	apiconn.ReasonAddressBlocked:         "The target {host} was not called{because}.",
	apiconn.ReasonDNSNotFound:            "The name of {host} does not exist, or has no address. Check the spelling in targetUrl, and which name servers this service asks.",
	apiconn.ReasonDNSFailed:              "Looking up the name of {host} failed after {took}{cause}. Check the name servers.",
	apiconn.ReasonDNSTimeout:             "Looking up the name of {host} took longer than the {took} that were left. Check the name servers.",
	apiconn.ReasonConnectRefused:         "{at} refused the connection after {took}. Check that the target runs, and its port.",
	apiconn.ReasonConnectTimeout:         "{at} did not accept a connection within {took}. Check that a firewall lets it through, and that the target is not overloaded.",
	apiconn.ReasonConnectFailed:          "Connecting to {at} failed after {took}{cause}. Check the network between.",
	apiconn.ReasonTLSTimeout:             "{at} accepted the connection and did not finish the TLS handshake within {took}. Check that the port speaks TLS, and that the target is not overloaded.",
	apiconn.ReasonTLSNotSpoken:           "{at} does not speak TLS. Check the port in targetUrl; a port of plain HTTP answers so.",
	apiconn.ReasonTLSVersion:             "{at} speaks no TLS version that is accepted: 1.2 at least. Enable a newer one at the target.",
	apiconn.ReasonTLSNoCommonSuite:       "{at} shares no cipher suite with this service, or refused the handshake without saying why. Enable an ECDHE suite with AES-GCM at the target.",
	apiconn.ReasonTLSUntrusted:           "The certificate of {host} is not trusted{cause}. Let the target send its whole chain, or set trustedRoots in the connector's call settings if its authority is a private one.",
	apiconn.ReasonTLSWrongName:           "The certificate of {host} is for another name{cause}. Check targetUrl and the target's certificate.",
	apiconn.ReasonTLSExpired:             "The certificate of {host}, or one of its chain, is not valid now{cause}. Renew it at the target; check the clocks.",
	apiconn.ReasonTLSNotPinned:           "The certificate of {host} is trusted, and none of its chain has a key that the connector's call settings pin. If the target changed its key on purpose, set pinnedKeys anew; if not, somebody else may be answering.",
	apiconn.ReasonTLSCertificateRefused:  "{at} refused the client certificate {thumbprint}{cause}. Check that the target trusts it, by issuer, thumbprint and dates.",
	apiconn.ReasonTLSCertificateRequired: "{at} requires a client certificate, and the connector has none to present. Give the connector a certificate, or let the target accept Basic authentication.",
	apiconn.ReasonTLSLateCertificate:     "{at} asked for a client certificate after the handshake, which is answered only where lateCertificate is set in the connector's call settings. Better: let the target ask in the handshake.",
	apiconn.ReasonTLSFailed:              "The TLS handshake with {at} failed after {took}{cause}. Look into the target's log.",
	apiconn.ReasonConnectionReset:        "{at} reset the connection in the phase {phase}, after {took}, before an answer was there. Look into the logs of the target and of what stands before it.",
	apiconn.ReasonConnectionClosed:       "{at} closed the connection in the phase {phase}, after {took}, before an answer was there. Look into the logs of the target and of what stands before it.",
	apiconn.ReasonRequestTimeout:         "{at} did not take the request within {took}. Check that the target is not overloaded.",
	apiconn.ReasonAnswerTimeout:          "{at} took the request and did not answer within {took}. Look at what the target waits for; its answer is needed within the time that the connector's call settings give.",
	apiconn.ReasonAnswerNotHTTP:          "{at} answered with something that is not HTTP. Check the port in targetUrl.",
	apiconn.ReasonAnswerHeadersTooLarge:  "{at} answered with headers of more than 64 KiB. Look at what the target, or what stands before it, adds.",
	apiconn.ReasonAnswerBodyTimeout:      "{at} answered with status {status} and did not finish the body within {took}. Look at what the target does while it writes.",
	apiconn.ReasonAnswerCutShort:         "{at} answered with status {status} and ended the connection before the body's end{cause}. Look into the logs of the target and of what stands before it.",
	apiconn.ReasonAnswerTooLarge:         "{at} answered with status {status} and a body that is too large{cause}. Check that targetUrl names the right resource.",
	apiconn.ReasonAnswerEncodingUnknown:  "{at} answered with status {status} and a Content-Encoding other than gzip, which alone was offered. Correct the target.",
	apiconn.ReasonAnswerEncodingBroken:   "{at} answered with status {status} and a body that claims gzip and does not inflate. Correct the target, or what compresses before it.",
}

// describe says an attempt's failure in whole sentences.
func describe(reason apiconn.DecisionReason, cause, host string, a apiconn.Attempt) string {
	at := host
	if a.Address != "" && a.Address != host {
		at = host + " (" + a.Address + ")"
	}
	phase := "connect"
	if len(a.Phases) > 0 {
		phase = a.Phases[len(a.Phases)-1].Name
	}
	inParentheses, because := "", ""
	if cause != "" {
		inParentheses, because = " ("+cause+")", ": "+cause
	}
	return strings.NewReplacer(
		"{host}", host, "{at}", at, "{took}", brief(a.Took), "{status}", strconv.Itoa(a.Status), "{phase}", phase,
		"{cause}", inParentheses, "{because}", because, "{thumbprint}", a.TLS.ClientCertificate,
	).Replace(sentences[reason])
}

// brief is a time as people read it.
func brief(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return "less than 1ms"
}

// clean makes a text fit for a sentence: no line breaks, no control characters, not endless.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > maxCause {
		text = string(runes[:maxCause]) + "…"
	}
	return text
}
