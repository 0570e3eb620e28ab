package custody

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Reason says in one word why the master key cannot be had now. It is for operators: /readyz, the log, metrics.
type Reason string

// The reasons. None of them is for ever: each can be mended where the key is kept, without a change of settings.
const (
	ReasonNoKey       Reason = "no-master-key"   // the file is not there
	ReasonNoToken     Reason = "no-kms-token"    // what the service is to be asked with cannot be read
	ReasonUnreachable Reason = "kms-unreachable" // no answer: network, name, TLS, time
	ReasonRefused     Reason = "kms-refused"     // it does not let us: token, permission
	ReasonKey         Reason = "kms-key"         // its key is gone, disabled, or not the one that wrapped ours
	ReasonThrottled   Reason = "kms-throttled"   // too many requests
	ReasonFailed      Reason = "kms-failed"      // its own fault, such as a Vault that is sealed
)

// ErrNoKey means that there is neither a text in the environment nor a file.
var ErrNoKey = errors.New("there is no master key")

// UnavailableError means that the master key cannot be had now and may be had later.
type UnavailableError struct {
	Reason Reason
	what   string // one line without a secret
	cause  error
}

// Error is one line that names the service and what it said.
func (u *UnavailableError) Error() string { return u.what }

// Unwrap returns the cause. Its text may have several lines.
func (u *UnavailableError) Unwrap() error { return u.cause }

// ReasonOf returns why the key cannot be had now. It is "" for an error that does not pass by itself, and for nil.
func ReasonOf(err error) Reason {
	if u, ok := errors.AsType[*UnavailableError](err); ok {
		return u.Reason
	}
	if errors.Is(err, ErrNoKey) {
		return ReasonNoKey
	}
	return ""
}

// maxQuoted bounds what is quoted of a service's answer, in octets.
const maxQuoted = 300

// unavailable makes the error of a service's failure. What the service or a proxy said is quoted in one short line, and
// without the secrets that it was asked with.
func unavailable(reason Reason, service string, cause error, secrets ...string) *UnavailableError {
	said := strings.Join(strings.Fields(cause.Error()), " ")
	for _, secret := range secrets {
		if secret != "" {
			said = strings.ReplaceAll(said, secret, "******")
		}
	}
	if len(said) > maxQuoted {
		said = strings.ToValidUTF8(said[:maxQuoted], "") + "…"
	}
	return &UnavailableError{Reason: reason, what: fmt.Sprintf("the key management service %s: %s", service, said), cause: cause}
}

// ofStatus is the reason that the status of an HTTP answer stands for.
func ofStatus(status int) Reason {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return ReasonRefused
	case status == http.StatusTooManyRequests:
		return ReasonThrottled
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError:
		return ReasonKey
	default:
		return ReasonFailed
	}
}
