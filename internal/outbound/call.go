package outbound

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/credential"
)

// Credential is how a call proves itself: by the certificate if there is one, else by HTTP Basic. It masks itself
// wherever it is printed.
type Credential struct {
	Version    string // another one whenever the secret or the chosen certificate is another one
	Username   string
	Password   credential.Secret
	Thumbprint string // of Certificate: SHA-1, 40 upper-case hex digits

	Certificate *tls.Certificate
}

// Format writes what may be seen, for every verb and flag: the certificate has the private key beside it.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// String says which credential it is, without what proves it.
func (c Credential) String() string {
	if c.Certificate != nil {
		return "certificate " + c.Thumbprint
	}
	return "basic " + c.Username + ":" + credential.Mask
}

// LogValue is String, for slog.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Call is what to send and where, for how long.
type Call struct {
	Connector    string // tenant + "/" + connector id: pool, breaker and bulkhead are per connector
	URL          string
	Body         []byte // JSON
	Credential   Credential
	Anonymous    bool   // send no credential, as when a call is repeated against another origin
	InvocationID string // the header Patchbay-Invocation-Id, the same on each attempt
	TraceParent  string // W3C traceparent as it goes out; "" none
	Settings     apiconn.CallSettings
	Began        time.Time // when the step began, for the times of attempts; zero: now
	Deadline     time.Time // the end of the step's budget; zero: Settings.Budget from now
}

// Result is what came of a call.
type Result struct {
	Status      int // of the last attempt, if its answer came whole; else 0
	ContentType string
	Body        []byte
	Attempts    []apiconn.Attempt
	Reason      apiconn.DecisionReason // "" when an answer came whole; else why not
	Detail      string                 // for people; never a secret, never a value of the query
}
