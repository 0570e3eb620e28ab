package store

import (
	"encoding/json"
	"fmt"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// invocationForm is the JSON of column facts: all of a receipt that has no column of its own. What is zero is left out,
// so that a receipt of the usual kind stays small. Names that a newer version wrote are passed over.
type invocationForm struct {
	TraceParent      string          `json:"traceParent,omitempty"`
	ReplayOf         string          `json:"replayOf,omitempty"`
	ConnectorVersion int64           `json:"connectorVersion,omitempty"`
	Target           string          `json:"target,omitempty"`
	Credential       credentialForm  `json:"credential,omitzero"`
	Detail           string          `json:"detail,omitempty"`
	Notes            []noteForm      `json:"notes,omitempty"`
	Budget           micros          `json:"budget,omitempty"`
	Took             micros          `json:"took,omitempty"`
	Attempts         []attemptForm   `json:"attempts,omitempty"`
	Sent             []claimFactForm `json:"sent,omitempty"`
	Received         []claimFactForm `json:"received,omitempty"`
}

type credentialForm struct {
	Type       string `json:"type,omitempty"`
	Username   string `json:"username,omitempty"`
	Thumbprint string `json:"thumbprint,omitempty"`
	NotAfter   micros `json:"notAfter,omitempty"`
}

type noteForm struct {
	Reason apiconn.DecisionReason `json:"reason"`
	Claim  string                 `json:"claim,omitempty"`
}

type attemptForm struct {
	Started     micros                 `json:"started,omitempty"`
	Took        micros                 `json:"took,omitempty"`
	Phases      []phaseForm            `json:"phases,omitempty"`
	Address     string                 `json:"address,omitempty"`
	Reused      bool                   `json:"reused,omitempty"`
	Protocol    string                 `json:"protocol,omitempty"`
	TLS         tlsForm                `json:"tls,omitzero"`
	Status      int                    `json:"status,omitempty"`
	ContentType string                 `json:"contentType,omitempty"`
	Octets      int64                  `json:"octets,omitempty"`
	RetryAfter  micros                 `json:"retryAfter,omitempty"`
	Reason      apiconn.DecisionReason `json:"reason,omitempty"`
	Detail      string                 `json:"detail,omitempty"`
}

type phaseForm struct {
	Name    string `json:"name"`
	Started micros `json:"started,omitempty"`
	Took    micros `json:"took,omitempty"`
}

type tlsForm struct {
	Version            string `json:"version,omitempty"`
	CipherSuite        string `json:"cipherSuite,omitempty"`
	ServerName         string `json:"serverName,omitempty"`
	PeerSubject        string `json:"peerSubject,omitempty"`
	PeerThumbprint     string `json:"peerThumbprint,omitempty"`
	PeerNotAfter       micros `json:"peerNotAfter,omitempty"`
	ClientCertificate  string `json:"clientCertificate,omitempty"`
	CertificateAsked   bool   `json:"certificateAsked,omitempty"`
	LateRenegotiations int    `json:"lateRenegotiations,omitempty"`
}

type claimFactForm struct {
	Name  string     `json:"name"`
	Hash  string     `json:"hash,omitempty"`
	Value *valueForm `json:"value,omitempty"`
}

// valueForm keeps the Go type of a claim's value. One member is set; none if a newer version wrote a type that this one
// does not know.
type valueForm struct {
	Text       *string         `json:"text,omitempty"`
	Truth      *bool           `json:"truth,omitempty"`
	Number     *int64          `json:"number,omitempty"`
	Identities *[]identityForm `json:"identities,omitempty"`
}

type identityForm struct {
	SignInType       string `json:"signInType,omitempty"`
	Issuer           string `json:"issuer,omitempty"`
	IssuerAssignedID string `json:"issuerAssignedId,omitempty"`
}

func encodeFacts(i apiconn.Invocation) (string, error) {
	form := invocationForm{
		TraceParent: i.TraceParent, ReplayOf: i.ReplayOf, ConnectorVersion: i.ConnectorVersion, Target: i.Target,
		Credential: credentialForm{
			Type: i.Credential.Type, Username: i.Credential.Username, Thumbprint: i.Credential.Thumbprint, NotAfter: instant(i.Credential.NotAfter),
		},
		Detail: i.Detail, Notes: each(i.Notes, func(n apiconn.Note) noteForm { return noteForm(n) }),
		Budget: toMicros(i.Budget), Took: toMicros(i.Took), Attempts: each(i.Attempts, newAttemptForm),
	}
	var err error
	if form.Sent, err = newClaimFactForms(i.Sent); err != nil {
		return "", err
	}
	if form.Received, err = newClaimFactForms(i.Received); err != nil {
		return "", err
	}
	text, err := json.Marshal(form)
	if err != nil {
		return "", fmt.Errorf("encode an invocation: %w", err)
	}
	return string(text), nil
}

// decodeFacts fills in what has no column.
func decodeFacts(text []byte, i *apiconn.Invocation) error {
	var form invocationForm
	if err := json.Unmarshal(text, &form); err != nil {
		return fmt.Errorf("decode an invocation: %w", err)
	}
	i.TraceParent, i.ReplayOf, i.ConnectorVersion, i.Target = form.TraceParent, form.ReplayOf, form.ConnectorVersion, form.Target
	i.Credential = apiconn.CredentialFacts{
		Type: form.Credential.Type, Username: form.Credential.Username, Thumbprint: form.Credential.Thumbprint,
		NotAfter: form.Credential.NotAfter.time(),
	}
	i.Detail, i.Notes = form.Detail, each(form.Notes, func(n noteForm) apiconn.Note { return apiconn.Note(n) })
	i.Budget, i.Took = form.Budget.duration(), form.Took.duration()
	i.Attempts = each(form.Attempts, attemptForm.attempt)
	i.Sent, i.Received = each(form.Sent, claimFactForm.fact), each(form.Received, claimFactForm.fact)
	return nil
}

func newAttemptForm(a apiconn.Attempt) attemptForm {
	return attemptForm{
		Started: toMicros(a.Started), Took: toMicros(a.Took), Address: a.Address, Reused: a.Reused, Protocol: a.Protocol,
		Phases: each(a.Phases, func(p apiconn.Phase) phaseForm {
			return phaseForm{Name: p.Name, Started: toMicros(p.Started), Took: toMicros(p.Took)}
		}),
		TLS: tlsForm{
			Version: a.TLS.Version, CipherSuite: a.TLS.CipherSuite, ServerName: a.TLS.ServerName, PeerSubject: a.TLS.PeerSubject,
			PeerThumbprint: a.TLS.PeerThumbprint, PeerNotAfter: instant(a.TLS.PeerNotAfter), ClientCertificate: a.TLS.ClientCertificate,
			CertificateAsked: a.TLS.CertificateAsked, LateRenegotiations: a.TLS.LateRenegotiations,
		},
		Status: a.Status, ContentType: a.ContentType, Octets: a.Octets, RetryAfter: toMicros(a.RetryAfter),
		Reason: a.Reason, Detail: a.Detail,
	}
}

func (f attemptForm) attempt() apiconn.Attempt {
	return apiconn.Attempt{
		Started: f.Started.duration(), Took: f.Took.duration(), Address: f.Address, Reused: f.Reused, Protocol: f.Protocol,
		Phases: each(f.Phases, func(p phaseForm) apiconn.Phase {
			return apiconn.Phase{Name: p.Name, Started: p.Started.duration(), Took: p.Took.duration()}
		}),
		TLS: apiconn.TLSFacts{
			Version: f.TLS.Version, CipherSuite: f.TLS.CipherSuite, ServerName: f.TLS.ServerName, PeerSubject: f.TLS.PeerSubject,
			PeerThumbprint: f.TLS.PeerThumbprint, PeerNotAfter: f.TLS.PeerNotAfter.time(), ClientCertificate: f.TLS.ClientCertificate,
			CertificateAsked: f.TLS.CertificateAsked, LateRenegotiations: f.TLS.LateRenegotiations,
		},
		Status: f.Status, ContentType: f.ContentType, Octets: f.Octets, RetryAfter: f.RetryAfter.duration(),
		Reason: f.Reason, Detail: f.Detail,
	}
}

func newClaimFactForms(facts []apiconn.ClaimFact) ([]claimFactForm, error) {
	var forms []claimFactForm
	for _, fact := range facts {
		value, known := newValueForm(fact.Value)
		if !known { // never the value itself
			return nil, fmt.Errorf("the value of the claim %q has the type %T, which the database does not keep", fact.Name, fact.Value)
		}
		forms = append(forms, claimFactForm{Name: fact.Name, Hash: fact.Hash, Value: value})
	}
	return forms, nil
}

func newValueForm(value any) (form *valueForm, known bool) {
	switch v := value.(type) {
	case nil:
		return nil, true
	case string:
		return &valueForm{Text: &v}, true
	case bool:
		return &valueForm{Truth: &v}, true
	case int64:
		return &valueForm{Number: &v}, true
	case []apiconn.Identity:
		identities := each(v, func(i apiconn.Identity) identityForm { return identityForm(i) })
		return &valueForm{Identities: &identities}, true
	default:
		return nil, false
	}
}

func (f claimFactForm) fact() apiconn.ClaimFact {
	fact := apiconn.ClaimFact{Name: f.Name, Hash: f.Hash}
	switch v := f.Value; {
	case v == nil:
	case v.Text != nil:
		fact.Value = *v.Text
	case v.Truth != nil:
		fact.Value = *v.Truth
	case v.Number != nil:
		fact.Value = *v.Number
	case v.Identities != nil:
		fact.Value = each(*v.Identities, func(i identityForm) apiconn.Identity { return apiconn.Identity(i) })
	}
	return fact
}

// each converts a list; of none it makes nil.
func each[From, To any](list []From, convert func(From) To) []To {
	if len(list) == 0 {
		return nil
	}
	converted := make([]To, len(list))
	for i, item := range list {
		converted[i] = convert(item)
	}
	return converted
}
