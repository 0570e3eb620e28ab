package signup

import (
	"maps"
	"slices"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Request is a step of somebody's sign-up as the identity provider reports it.
type Request struct {
	FlowID, Step   string
	Claims         apiconn.Claims // as reported: a custom attribute under its full name or as extension_Name
	UILocales      string         // the languages of the user, e.g. en-US; may also be among the claims
	ClientID       string         // of the application that the user signs up to
	IdempotencyKey string
	TraceParent    string // W3C traceparent as it came in, "" none
}

// stepWithObject is the only step at which the user exists, and so has an objectId (runtime contract 5.1).
const stepWithObject = "preTokenIssuance"

// Encode returns what is sent to a connector (runtime contract 5.2): a flat JSON object of the claims that have a value.
// A claim is never null, "" or an empty list. Custom attributes go out under their full names, of extensionsApp unless the
// caller's name has an app id; with extensionsApp "" a short name stays short. The flows of Azure AD B2C also send step
// and client_id. Errors are Invalid and name the claim, never its value.
func Encode(step apiconn.Step, kind apiconn.UserFlowKind, extensionsApp string, r Request) ([]byte, error) {
	app, ok := canonicalApp(extensionsApp)
	if !ok && extensionsApp != "" {
		return nil, apiconn.Errorf(apiconn.Internal, "The id of the extensions app is no GUID. Set it to the appId of the application that holds the custom attributes.")
	}
	if err := checkClaimCount(len(r.Claims)); err != nil {
		return nil, err
	}
	out := make(apiconn.Claims, len(r.Claims)+3)
	given := map[string]string{} // by canonical name, the caller's
	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		value := r.Claims[name]
		if err := checkClaim(name, value); err != nil {
			return nil, err
		}
		canonical := canonicalClaim(name, app)
		if other, twice := given[canonical]; twice {
			return nil, apiconn.Invalidf(name, "The claims %s and %s are the same attribute. Send one of them.", other, name)
		}
		given[canonical] = name
		if !hasValue(value) {
			continue
		}
		if name == claimObjectID && step.Name != stepWithObject {
			return nil, apiconn.Invalidf(name, "The claim %s exists at the step %s only: before it there is no user. Leave it out.", name, stepWithObject)
		}
		out[canonical] = value
	}
	if err := addOwnClaims(out, step, kind, r); err != nil {
		return nil, err
	}
	return AppendClaims(nil, out), nil
}

// addOwnClaims adds to the claims that go out what the service knows by itself.
func addOwnClaims(out apiconn.Claims, step apiconn.Step, kind apiconn.UserFlowKind, r Request) error {
	if r.UILocales != "" {
		if claimed, ok := out[claimUILocales]; ok && claimed != r.UILocales {
			return apiconn.Invalidf(claimUILocales, "The claim ui_locales differs from the languages given beside the claims. Send one of them.")
		}
		if err := checkClaimText(claimUILocales, r.UILocales); err != nil {
			return err
		}
		out[claimUILocales] = r.UILocales
	}
	if kind != apiconn.B2C {
		return nil
	}
	out[claimStep] = step.Claim
	if r.ClientID != "" {
		if err := checkClaimText(claimClientID, r.ClientID); err != nil {
			return err
		}
		out[claimClientID] = r.ClientID
	}
	return nil
}

// hasValue tells whether a claim is worth sending: claims without a value are omitted (runtime contract 5.2). false and 0
// are values.
func hasValue(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []apiconn.Identity:
		return len(v) > 0
	default:
		return true
	}
}
