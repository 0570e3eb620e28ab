package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/guard"
)

// timeouts says what it is called when the time ends within a phase.
var timeouts = map[string]apiconn.DecisionReason{
	apiconn.PhaseDNS:       apiconn.ReasonDNSTimeout,
	apiconn.PhaseConnect:   apiconn.ReasonConnectTimeout,
	apiconn.PhaseTLS:       apiconn.ReasonTLSTimeout,
	apiconn.PhaseRequest:   apiconn.ReasonRequestTimeout,
	apiconn.PhaseFirstByte: apiconn.ReasonAnswerTimeout,
	apiconn.PhaseBody:      apiconn.ReasonAnswerBodyTimeout,
}

// classify finds the reason of an attempt's failure, and what is to be said of its cause. caller and own are the contexts
// of the caller and of the attempt. A cause never quotes what the target sent outside of its certificate: a target may
// send back what it was sent.
func classify(caller, own context.Context, err error, r *recorder) (reason apiconn.DecisionReason, cause string) {
	phase := r.phase()
	var blocked *guard.Blocked
	switch {
	case errors.As(err, &blocked):
		return apiconn.ReasonAddressBlocked, blocked.Error()
	case errors.Is(caller.Err(), context.Canceled):
		return apiconn.ReasonInterrupted, ""
	case errors.Is(err, errAnswerTooLarge):
		return apiconn.ReasonAnswerTooLarge, strings.TrimPrefix(err.Error(), errAnswerTooLarge.Error()+": ")
	case errors.Is(err, errEncodingUnknown):
		return apiconn.ReasonAnswerEncodingUnknown, ""
	case errors.Is(err, errEncodingBroken):
		return apiconn.ReasonAnswerEncodingBroken, ""
	case own.Err() != nil:
		return timedOut(phase), ""
	}
	if reason, cause := classifyName(err); reason != "" {
		return reason, cause
	}
	if reason, cause := classifyTLS(err, r); reason != "" && (phase != apiconn.PhaseBody || reason == apiconn.ReasonTLSLateCertificate) {
		return reason, cause
	}
	switch phase {
	case apiconn.PhaseBody:
		return apiconn.ReasonAnswerCutShort, socketCause(err)
	case apiconn.PhaseConnect:
		return classifyConnect(err)
	}
	if isTimeout(err) {
		return timedOut(phase), ""
	}
	if strings.Contains(err.Error(), "malformed MIME header") {
		// It is HTTP. A header line without its end, because the connection ended, is reported like one without a colon.
		if end := r.ending(); errors.Is(end, io.EOF) || errors.Is(end, syscall.ECONNRESET) {
			err = end
		}
	}
	reason, cause = classifyExchange(err, phase)
	if (reason == apiconn.ReasonConnectionClosed || reason == apiconn.ReasonConnectionReset) && !strings.Contains(err.Error(), streamFault) {
		// A server that refuses a client certificate after the handshake says so and closes. HTTP/2 reports the closing.
		if number, remote, found := alertOf(r.lastWords(own)); found {
			return classifyAlert(number, remote, r)
		}
	}
	return reason, cause
}

// timedOut is the reason of a time that ended within a phase. None runs while net/http has yet to begin or to hand over a
// connection.
func timedOut(phase string) apiconn.DecisionReason {
	if reason, known := timeouts[phase]; known {
		return reason
	}
	return apiconn.ReasonConnectTimeout
}

func isTimeout(err error) bool {
	var timed net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timed) && timed.Timeout()
}

// classifyName finds faults of looking a name up.
func classifyName(err error) (apiconn.DecisionReason, string) {
	var fault *net.DNSError
	switch {
	case !errors.As(err, &fault):
		return "", ""
	case fault.IsNotFound:
		return apiconn.ReasonDNSNotFound, ""
	case fault.IsTimeout:
		return apiconn.ReasonDNSTimeout, ""
	}
	return apiconn.ReasonDNSFailed, clean(fault.Err)
}

// classifyConnect finds faults of connecting.
func classifyConnect(err error) (apiconn.DecisionReason, string) {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return apiconn.ReasonConnectRefused, ""
	case isTimeout(err) || errors.Is(err, syscall.ETIMEDOUT):
		return apiconn.ReasonConnectTimeout, ""
	}
	return apiconn.ReasonConnectFailed, socketCause(err)
}

// classifyTLS finds faults of TLS: before, in or after the handshake.
func classifyTLS(err error, r *recorder) (apiconn.DecisionReason, string) {
	var wrongName x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unverified *tls.CertificateVerificationError
	var noRecord tls.RecordHeaderError
	switch {
	case errors.Is(err, errNotPinned):
		return apiconn.ReasonTLSNotPinned, ""
	case errors.As(err, &wrongName):
		return apiconn.ReasonTLSWrongName, clean(wrongName.Error())
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return apiconn.ReasonTLSExpired, clean(invalid.Error())
	case errors.As(err, &unverified):
		return apiconn.ReasonTLSUntrusted, clean(unverified.Err.Error())
	case errors.As(err, &noRecord):
		return apiconn.ReasonTLSNotSpoken, ""
	}
	if number, remote, found := alertOf(err); found {
		return classifyAlert(number, remote, r)
	}
	text := err.Error() // crypto/tls has no types for these
	switch {
	case strings.Contains(text, "selected unsupported protocol version"):
		return apiconn.ReasonTLSVersion, ""
	case strings.Contains(text, "unconfigured cipher suite"):
		return apiconn.ReasonTLSNoCommonSuite, ""
	case strings.Contains(text, "peer doesn't support any of the certificate's signature algorithms"):
		return apiconn.ReasonTLSCertificateRefused, "it accepts no signature of the kind that the certificate's key makes"
	case strings.Contains(text, "unexpected handshake message of type *tls.certificateRequestMsg"), strings.Contains(text, "HTTP_1_1_REQUIRED"):
		return apiconn.ReasonTLSLateCertificate, ""
	case strings.HasPrefix(text, "tls: ") && r.phase() == apiconn.PhaseTLS:
		return apiconn.ReasonTLSFailed, clean(strings.TrimPrefix(text, "tls: "))
	}
	return "", ""
}

// streamFault is how a fault begins that ended an HTTP/2 stream and not its connection.
const streamFault = "stream error"

// exchangeFaults are faults of the exchange for which net/http has texts only.
var exchangeFaults = []struct {
	text   string
	reason apiconn.DecisionReason
}{
	{"server response headers exceeded", apiconn.ReasonAnswerHeadersTooLarge},
	{"response header list larger than", apiconn.ReasonAnswerHeadersTooLarge},
	{"malformed", apiconn.ReasonAnswerNotHTTP},
	{"bad status line", apiconn.ReasonAnswerNotHTTP},
	{"invalid Content-Length", apiconn.ReasonAnswerNotHTTP},
	{"bad Content-Length", apiconn.ReasonAnswerNotHTTP},
	{"unsupported transfer encoding", apiconn.ReasonAnswerNotHTTP},
	{"too many 1xx", apiconn.ReasonAnswerNotHTTP},
	{"too many transfer encodings", apiconn.ReasonAnswerNotHTTP},
	{"PROTOCOL_ERROR", apiconn.ReasonAnswerNotHTTP},
	{"FRAME_SIZE_ERROR", apiconn.ReasonAnswerNotHTTP},
	{"COMPRESSION_ERROR", apiconn.ReasonAnswerNotHTTP},
	{"frame too large", apiconn.ReasonAnswerNotHTTP},
	{streamFault, apiconn.ReasonConnectionReset},
}

// classifyExchange finds faults between the handshake and the end of the answer's header.
func classifyExchange(err error, phase string) (apiconn.DecisionReason, string) {
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return apiconn.ReasonConnectionReset, ""
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return apiconn.ReasonConnectionClosed, ""
	}
	text := err.Error()
	for _, fault := range exchangeFaults {
		if strings.Contains(text, fault.text) {
			return fault.reason, ""
		}
	}
	if phase == apiconn.PhaseTLS {
		return apiconn.ReasonTLSFailed, socketCause(err)
	}
	return apiconn.ReasonConnectionClosed, socketCause(err)
}

// socketCause is the system's word for a fault, "" if it is none of the system's.
func socketCause(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return ""
}
