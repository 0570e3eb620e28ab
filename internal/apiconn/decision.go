package apiconn

import "time"

// Action is what a sign-up has to do after a step.
type Action string

// The actions. A connector answers one of the first three (runtime contract 5.3); Failed is ours, for everything else.
const (
	Continue        Action = "Continue"        // go on, with the claims of the decision
	ShowBlockPage   Action = "ShowBlockPage"   // end the sign-up and show the user message
	ValidationError Action = "ValidationError" // let the user correct the attributes, with the user message
	Failed          Action = "Failed"          // end the sign-up with a general error; the reason says why
)

// Claims are what is known of the user at a step, by the name that the connector sees. A value is a string, a bool, an
// int64, or, for identities, a []Identity.
type Claims map[string]any

// Identity is one entry of the claim identities (runtime contract 5.2).
type Identity struct {
	SignInType, Issuer, IssuerAssignedID string
}

// Decision is the outcome of a step. There is exactly one for a journey and a step.
type Decision struct {
	Action       Action
	Claims       Claims         // of Continue: the caller's, with the connector's laid over them
	UserMessage  string         // of ShowBlockPage and ValidationError: for the user, as the connector wrote it
	Reason       DecisionReason // the rule that decided
	Detail       string         // what exactly was found, for people; never a claim's value and never a secret
	Notes        []Note         // what was wrong and did not decide
	InvocationID string         // of the receipt
}

// Note is something about a connector's answer that is wrong and was passed over.
type Note struct {
	Reason DecisionReason
	Claim  string // the claim it is about, "" if none
}

// Invocation is the receipt of a step: what was sent, what came back, how long everything took and which rule decided. It
// holds no secret, and of claims their names and hashes only, unless the operator chose to keep values.
type Invocation struct {
	ID            string // GUID; the connector sees it as Patchbay-Invocation-Id, the same on every attempt
	TenantID      string
	At            time.Time
	FlowID        string
	Step          string
	AppID         string // who reported the step
	CorrelationID string // the request id
	TraceParent   string // W3C traceparent as it went out
	ReplayOf      string // the invocation that this one repeats on demand; "" for a real step

	ConnectorID      string // "" if the step calls none
	ConnectorVersion int64
	Target           string // the URL called, values of its query masked
	Credential       CredentialFacts

	Action Action
	Reason DecisionReason
	Detail string
	Notes  []Note

	Budget   time.Duration // the time that the step had
	Took     time.Duration // from the request to the decision
	Attempts []Attempt
	Sent     []ClaimFact
	Received []ClaimFact
}

// CredentialFacts is how a call proved itself, without the proof.
type CredentialFacts struct {
	Type       string // the Graph type: basicAuthentication, clientCertificateAuthentication
	Username   string
	Thumbprint string // of the client certificate chosen
	NotAfter   time.Time
}

// ClaimFact is what a receipt tells of one claim.
type ClaimFact struct {
	Name  string
	Hash  string // equal values of a tenant have equal hashes; a keyed hash, so a value cannot be guessed from it
	Value any    // nil unless values are kept
}

// Attempt is one try to get an answer.
type Attempt struct {
	Started     time.Duration // since the step began
	Took        time.Duration
	Phases      []Phase // in the order in which they began
	Address     string  // host:port that was dialled, after resolution
	Reused      bool    // the connection was there already
	Protocol    string  // HTTP/1.1 or HTTP/2.0
	TLS         TLSFacts
	Status      int    // 0: no answer came
	ContentType string // of the answer
	Octets      int64  // of the answer's body as far as it was read, inflated
	RetryAfter  time.Duration
	Reason      DecisionReason // why the attempt has no answer; "" if it has one
	Detail      string
}

// The names of phases.
const (
	PhaseDNS       = "dns"
	PhaseConnect   = "connect"
	PhaseTLS       = "tls"
	PhaseRequest   = "request"   // until all of the request is written
	PhaseFirstByte = "firstByte" // from then until the first octet of the answer
	PhaseBody      = "body"
)

// Phase is a part of an attempt.
type Phase struct {
	Name    string
	Started time.Duration // since the attempt began
	Took    time.Duration
}

// TLSFacts is what a handshake agreed on; the zero value for plain HTTP or no handshake.
type TLSFacts struct {
	Version            string // e.g. TLS 1.3
	CipherSuite        string // the IANA name
	ServerName         string
	PeerSubject        string
	PeerThumbprint     string // SHA-1 of the server's certificate, 40 upper-case hex digits
	PeerNotAfter       time.Time
	ClientCertificate  string // thumbprint of the certificate that we presented, "" if the server asked for none
	CertificateAsked   bool   // the server asked for a client certificate
	LateRenegotiations int    // how often the server asked for one after the handshake
}

// Journey is the record that makes a repeated step answer the decision of the first time.
type Journey struct {
	TenantID     string
	Key          string // a hash of application, flow, step and Idempotency-Key
	MAC          []byte // of the request, to recognise the key coming again with another one
	InvocationID string
	Sealed       []byte // the decision, encrypted
	ExpiresAt    time.Time
}

// Binding is everything that a step needs to know, of one moment.
type Binding struct {
	Flow      UserFlow
	Linked    bool      // the step calls a connector
	Connector Connector // with its sealed members; the zero value unless Linked
	Settings  CallSettings
}

// ExpiringCertificate is a client certificate that a connector uses now and that ends soon, or has ended.
type ExpiringCertificate struct {
	TenantID, ConnectorID, DisplayName string
	Certificate                        Certificate
}
