package steps

import (
	"strconv"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// milliseconds is a duration on the wire: a number of milliseconds with up to three decimals.
type milliseconds time.Duration

// MarshalJSON writes the number.
func (d milliseconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Duration(d).Microseconds())/1000, 'f', -1, 64), nil
}

// instant is a time on the wire: UTC, as many digits as its microseconds need.
type instant time.Time

// MarshalJSON writes the time.
func (t instant) MarshalJSON() ([]byte, error) {
	return time.Time(t).UTC().Truncate(time.Microsecond).AppendFormat(nil, `"`+time.RFC3339Nano+`"`), nil
}

// instantOf is a time that is left out where there is none.
func instantOf(t time.Time) *instant {
	if t.IsZero() {
		return nil
	}
	shown := instant(t)
	return &shown
}

// invocationBody is a receipt on the wire, members in their order.
type invocationBody struct {
	ID          string                 `json:"id"`
	At          instant                `json:"createdDateTime"`
	FlowID      string                 `json:"userFlowId"`
	Step        string                 `json:"step"`
	Action      apiconn.Action         `json:"action"`
	Reason      apiconn.DecisionReason `json:"reason"`
	Explanation string                 `json:"explanation"`
	Detail      string                 `json:"detail,omitempty"`
	GraphCode   string                 `json:"graphCode,omitempty"`
	Notes       []noteBody             `json:"notes,omitempty"`
	Connector   *connectorBody         `json:"connector,omitempty"`
	Credential  *credentialBody        `json:"credential,omitempty"`
	AppID       string                 `json:"appId,omitempty"`
	Correlation string                 `json:"correlationId,omitempty"`
	TraceParent string                 `json:"traceparent,omitempty"`
	ReplayOf    string                 `json:"replayOf,omitempty"`
	Budget      milliseconds           `json:"budgetMilliseconds"`
	Took        milliseconds           `json:"durationMilliseconds"`
	Attempts    []attemptBody          `json:"attempts"`
	Sent        []factBody             `json:"sent"`
	Received    []factBody             `json:"received"`
}

// connectorBody is who was called.
type connectorBody struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	Target  string `json:"targetUrl"`
}

// credentialBody is how the call proved itself.
type credentialBody struct {
	Type       string   `json:"type"`
	Username   string   `json:"username,omitempty"`
	Thumbprint string   `json:"thumbprint,omitempty"`
	NotAfter   *instant `json:"notAfter,omitempty"`
}

// attemptBody is one try to get an answer.
type attemptBody struct {
	Started     milliseconds           `json:"startedMilliseconds"`
	Took        milliseconds           `json:"durationMilliseconds"`
	Address     string                 `json:"address,omitempty"`
	Reused      bool                   `json:"connectionReused"`
	Protocol    string                 `json:"protocol,omitempty"`
	Status      int                    `json:"status,omitempty"`
	ContentType string                 `json:"contentType,omitempty"`
	Octets      int64                  `json:"bytes"`
	RetryAfter  milliseconds           `json:"retryAfterMilliseconds,omitempty"`
	Reason      apiconn.DecisionReason `json:"reason,omitempty"`
	Detail      string                 `json:"detail,omitempty"`
	Phases      []phaseBody            `json:"phases"`
	TLS         *tlsBody               `json:"tls,omitempty"`
}

// phaseBody is a part of an attempt.
type phaseBody struct {
	Name    string       `json:"name"`
	Started milliseconds `json:"startedMilliseconds"`
	Took    milliseconds `json:"durationMilliseconds"`
}

// tlsBody is what a handshake agreed on.
type tlsBody struct {
	Version            string   `json:"version"`
	CipherSuite        string   `json:"cipherSuite"`
	ServerName         string   `json:"serverName,omitempty"`
	PeerSubject        string   `json:"peerSubject,omitempty"`
	PeerThumbprint     string   `json:"peerThumbprint,omitempty"`
	PeerNotAfter       *instant `json:"peerNotAfter,omitempty"`
	ClientCertificate  string   `json:"clientCertificate,omitempty"`
	CertificateAsked   bool     `json:"clientCertificateRequested"`
	LateRenegotiations int      `json:"lateRenegotiations,omitempty"`
}

// factBody is what is told of a claim.
type factBody struct {
	Name  string `json:"name"`
	Hash  string `json:"hash"`
	Value any    `json:"value,omitempty"`
}

func invocationOf(i apiconn.Invocation) invocationBody {
	body := invocationBody{
		ID: i.ID, At: instant(i.At), FlowID: i.FlowID, Step: i.Step, Action: i.Action, Reason: i.Reason,
		Explanation: explanation(i.Reason), Detail: i.Detail, GraphCode: graphCode(i.Reason), Notes: notesOf(i.Notes),
		AppID: i.AppID, Correlation: i.CorrelationID, TraceParent: i.TraceParent, ReplayOf: i.ReplayOf,
		Budget: milliseconds(i.Budget), Took: milliseconds(i.Took),
		Attempts: []attemptBody{}, Sent: factsOf(i.Sent), Received: factsOf(i.Received),
	}
	if i.ConnectorID != "" {
		body.Connector = &connectorBody{i.ConnectorID, i.ConnectorVersion, i.Target}
	}
	if c := i.Credential; c.Type != "" {
		body.Credential = &credentialBody{c.Type, c.Username, c.Thumbprint, instantOf(c.NotAfter)}
	}
	for _, a := range i.Attempts {
		body.Attempts = append(body.Attempts, attemptOf(a))
	}
	return body
}

func attemptOf(a apiconn.Attempt) attemptBody {
	body := attemptBody{
		Started: milliseconds(a.Started), Took: milliseconds(a.Took), Address: a.Address, Reused: a.Reused, Protocol: a.Protocol,
		Status: a.Status, ContentType: a.ContentType, Octets: a.Octets, RetryAfter: milliseconds(a.RetryAfter),
		Reason: a.Reason, Detail: a.Detail, Phases: []phaseBody{},
	}
	for _, p := range a.Phases {
		body.Phases = append(body.Phases, phaseBody{p.Name, milliseconds(p.Started), milliseconds(p.Took)})
	}
	if t := a.TLS; t != (apiconn.TLSFacts{}) {
		body.TLS = &tlsBody{
			Version: t.Version, CipherSuite: t.CipherSuite, ServerName: t.ServerName, PeerSubject: t.PeerSubject,
			PeerThumbprint: t.PeerThumbprint, PeerNotAfter: instantOf(t.PeerNotAfter), ClientCertificate: t.ClientCertificate,
			CertificateAsked: t.CertificateAsked, LateRenegotiations: t.LateRenegotiations,
		}
	}
	return body
}

func factsOf(facts []apiconn.ClaimFact) []factBody {
	bodies := []factBody{}
	for _, f := range facts {
		bodies = append(bodies, factBody(f))
	}
	return bodies
}
