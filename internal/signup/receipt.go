package signup

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// hashOctets is how much of a claim's MAC a receipt shows: enough to tell values apart, and short enough to read.
const hashOctets = 8

// facts tells of what is sent: each member of the encoded request.
func (s *Service) facts(tenant string, body []byte) []apiconn.ClaimFact {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil // Encode writes objects only
	}
	all := make([]apiconn.ClaimFact, 0, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		all = append(all, s.fact(tenant, name, members[name]))
	}
	return all
}

// claimFacts tells of claims that came back.
func (s *Service) claimFacts(tenant string, claims apiconn.Claims) []apiconn.ClaimFact {
	return s.facts(tenant, AppendClaims(nil, claims))
}

func (s *Service) fact(tenant, name string, value json.RawMessage) apiconn.ClaimFact {
	mac := s.Journal.MAC("claim", append(lengths(tenant, name), value...))
	f := apiconn.ClaimFact{Name: name, Hash: hex.EncodeToString(mac[:hashOctets])}
	if s.KeepValues {
		f.Value = scalar(value)
	}
	return f
}

// scalar is a claim's value as a receipt keeps it; an array stays the JSON text that it is.
func scalar(value json.RawMessage) any {
	var v any
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		return string(value)
	}
	switch v := v.(type) {
	case string, bool:
		return v
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
	}
	return string(value)
}

// Invocation returns a receipt of the caller's tenant.
func (s *Service) Invocation(ctx context.Context, who auth.Caller, id string) (apiconn.Invocation, error) {
	if err := who.Require(auth.UserFlowInvocationReadAll); err != nil {
		return apiconn.Invocation{}, err
	}
	return s.Records.Invocation(ctx, who.TenantID, id)
}

// Invocations returns a page of the receipts of the caller's tenant, the newest first unless the query says otherwise.
func (s *Service) Invocations(ctx context.Context, who auth.Caller, q apiconn.Query) (apiconn.Page[apiconn.Invocation], error) {
	if err := who.Require(auth.UserFlowInvocationReadAll); err != nil {
		return apiconn.Page[apiconn.Invocation]{}, err
	}
	return s.Records.Invocations(ctx, who.TenantID, q)
}
