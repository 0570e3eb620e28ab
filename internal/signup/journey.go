package signup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// The purposes of what the journal encrypts and authenticates.
const (
	journeyPurpose = "journey"
	requestPurpose = "journey request"
)

// journey is a step that is decided once. nil is a step that is decided each time.
type journey struct {
	key     string // hex
	request []byte
	mac     []byte // of the request
}

// journey tells by what key a step is remembered: the caller's Idempotency-Key, for one application, flow and step.
func (s *Service) journey(who auth.Caller, r Request, step apiconn.Step) *journey {
	if r.IdempotencyKey == "" {
		return nil
	}
	name := lengths(who.TenantID, who.AppID, r.FlowID, step.Name, r.IdempotencyKey)
	sum := sha256.Sum256(name)
	request := append(append(name, AppendClaims(nil, r.Claims)...), lengths(r.UILocales, r.ClientID)...)
	return &journey{key: hex.EncodeToString(sum[:]), request: request, mac: s.Journal.MAC(requestPurpose, request)}
}

// lengths joins texts so that no two lists of texts give the same.
func lengths(texts ...string) []byte {
	var out []byte
	for _, text := range texts {
		out = fmt.Appendf(out, "%d:%s", len(text), text)
	}
	return out
}

// journeyNamespace makes invocation ids out of journeys' keys.
var journeyNamespace = uuid.MustParse("0d2c4a8e-5e3f-5f0b-8a51-7c9f3c1b6e24")

// invocationID is the id of the step's invocation. A journey's is made of its key, so that it is the same again when the
// process died between the target's answer and the commit, and the target can tell that it has seen the call before.
func (j *journey) invocationID() string {
	if j == nil {
		return uuid.NewString()
	}
	return uuid.NewHash(sha256.New(), journeyNamespace, []byte(j.key), 8).String()
}

// flights are the journeys under way in this process.
type flights struct {
	mu    sync.Mutex
	under map[string]*flight
}

type flight struct {
	mac      []byte
	done     chan struct{} // closed once decision and err are there
	decision apiconn.Decision
	err      error
}

// once decides a journey once. A repetition gets the recorded decision; one that comes while the first is under way waits
// for it, as long as its own caller does.
func (s *Service) once(ctx context.Context, r *run, decide func(context.Context, *run) (apiconn.Decision, error)) (apiconn.Decision, error) {
	lasting := context.WithoutCancel(ctx) // bounded by the budget; the decision counts also if nobody waits for it any more
	if r.journey == nil {
		return decide(lasting, r)
	}
	s.flights.mu.Lock()
	f, under := s.flights.under[r.journey.key]
	if !under {
		f = &flight{mac: r.journey.mac, done: make(chan struct{}), err: errAbandoned}
		s.flights.under[r.journey.key] = f
	}
	s.flights.mu.Unlock()
	if under {
		return f.wait(ctx, r.journey)
	}
	defer func() {
		s.flights.mu.Lock()
		delete(s.flights.under, r.journey.key)
		s.flights.mu.Unlock()
		close(f.done)
	}()
	f.decision, f.err = s.first(lasting, r, decide)
	return f.decision, f.err
}

// errAbandoned is what those who wait get if the first of them panicked.
var errAbandoned = errors.New("the same step was abandoned")

func (f *flight) wait(ctx context.Context, j *journey) (apiconn.Decision, error) {
	if !bytes.Equal(f.mac, j.mac) {
		return apiconn.Decision{}, keyReused()
	}
	select {
	case <-f.done:
		return f.decision, f.err
	case <-ctx.Done():
		return apiconn.Decision{}, ctx.Err()
	}
}

// first decides a journey that no other request of this process is deciding.
func (s *Service) first(ctx context.Context, r *run, decide func(context.Context, *run) (apiconn.Decision, error)) (apiconn.Decision, error) {
	prior, err := s.Records.Journey(ctx, r.caller.TenantID, r.journey.key, s.Now())
	if err != nil {
		return apiconn.Decision{}, err
	}
	if prior != nil {
		return s.recall(ctx, r.journey, prior)
	}
	return decide(ctx, r)
}

// outlives is how much longer than its receipt a journey is kept. The key alone makes the invocation's id, so the receipt
// must be gone, with the hourly deletion, before the key counts as a new one.
const outlives = 24 * time.Hour

// record writes the receipt and returns the decision that counts: this one, or, if another process was first with the
// journey, that one.
func (s *Service) record(ctx context.Context, r *run, d apiconn.Decision) (apiconn.Decision, error) {
	if r.journey == nil {
		_, err := s.Records.RecordInvocation(ctx, r.receipt, nil)
		return d, err
	}
	text, err := encodeDecision(d)
	if err != nil {
		return apiconn.Decision{}, err
	}
	j := &apiconn.Journey{
		TenantID: r.receipt.TenantID, Key: r.journey.key, MAC: r.journey.mac, InvocationID: r.receipt.ID, ExpiresAt: r.receipt.At.Add(s.Kept + outlives),
	}
	if j.Sealed, err = s.Journal.Seal(journeyPurpose, owner(j), text); err != nil {
		return apiconn.Decision{}, err
	}
	prior, err := s.Records.RecordInvocation(ctx, r.receipt, j)
	if err != nil {
		return apiconn.Decision{}, err
	}
	if prior != nil {
		return s.recall(ctx, r.journey, prior)
	}
	return d, nil
}

// recall returns the recorded decision of a journey, which may be from before a change of the master key. Conflict if it was
// recorded for another request.
func (s *Service) recall(ctx context.Context, j *journey, prior *apiconn.Journey) (apiconn.Decision, error) {
	same, err := s.Journal.VerifyMAC(ctx, requestPurpose, j.request, prior.MAC)
	if err != nil {
		return apiconn.Decision{}, err
	}
	if !same {
		return apiconn.Decision{}, keyReused()
	}
	text, err := s.Journal.Open(ctx, journeyPurpose, owner(prior), prior.Sealed)
	if err != nil {
		return apiconn.Decision{}, fmt.Errorf("the recorded decision of invocation %s: %w", prior.InvocationID, err)
	}
	return decodeDecision(text)
}

// owner is what a sealed decision is bound to.
func owner(j *apiconn.Journey) []byte { return lengths(j.TenantID, j.Key, j.InvocationID) }

func keyReused() error {
	return &apiconn.Error{
		Kind: apiconn.Conflict, Reason: apiconn.ReasonIdempotencyMismatch, Field: "Idempotency-Key",
		Message: "This Idempotency-Key was used before with another request. Use a new key when the claims have changed.",
	}
}

// keptDecision is a decision as the journal has it.
type keptDecision struct {
	Action       apiconn.Action
	Claims       json.RawMessage `json:",omitempty"`
	UserMessage  string          `json:",omitempty"`
	Reason       apiconn.DecisionReason
	Detail       string         `json:",omitempty"`
	Notes        []apiconn.Note `json:",omitempty"`
	InvocationID string
}

func encodeDecision(d apiconn.Decision) ([]byte, error) {
	kept := keptDecision{
		Action: d.Action, UserMessage: d.UserMessage, Reason: d.Reason, Detail: d.Detail, Notes: d.Notes, InvocationID: d.InvocationID,
	}
	if d.Claims != nil {
		kept.Claims = AppendClaims(nil, d.Claims)
	}
	return json.Marshal(kept)
}

func decodeDecision(text []byte) (apiconn.Decision, error) {
	var kept keptDecision
	if err := json.Unmarshal(text, &kept); err != nil {
		return apiconn.Decision{}, fmt.Errorf("a recorded decision: %w", err)
	}
	d := apiconn.Decision{
		Action: kept.Action, UserMessage: kept.UserMessage, Reason: kept.Reason, Detail: kept.Detail, Notes: kept.Notes,
		InvocationID: kept.InvocationID,
	}
	if kept.Claims == nil {
		return d, nil
	}
	var err error
	if d.Claims, err = ParseClaims(kept.Claims); err != nil {
		return apiconn.Decision{}, fmt.Errorf("a recorded decision: %w", err)
	}
	return d, nil
}
