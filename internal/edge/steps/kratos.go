package steps

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/signup"
)

// kratosRequest is what our Jsonnet makes of a registration.
type kratosRequest struct {
	flowID     string // Kratos' own, one for all submissions of a form
	submission string // the moment of this submission, "" if not told
	person     person
	request    signup.Request
}

// maxKratosFlowID bounds the id of Kratos' flow, a UUID, in characters.
const maxKratosFlowID = 128

// The members of the body.
const (
	memberFlowID      = "flow_id"
	memberSubmission  = "submission"
	memberTraits      = "traits"
	memberFields      = "fields"
	memberKratosLocal = "ui_locales"
	memberKratosApp   = "client_id"
	memberIdentities  = "identities"

	parameterField = "field"
)

// kratos is POST /adapters/kratos/{id}/{step}: the web hook of a registration flow with response.parse. Kratos tries a
// 429 and a 5xx again and then shows its user an error page of JSON, so whatever is decided or refused here is a 200 or
// another 4xx, with messages.
func (h *Handler) kratos(ctx context.Context, c *call) (answer, error) {
	values, err := c.parameters(parameterField)
	if err != nil {
		return answer{}, err
	}
	field := values.Get(parameterField)
	if field != "" && !strings.HasPrefix(field, traitsPrefix) {
		return answer{}, apiconn.Invalidf(parameterField, "The query parameter 'field' is the name of an input of the form, such as traits.email.")
	}
	k, err := readKratos(c)
	if err != nil {
		return answer{}, err
	}
	decision, err := h.decide(ctx, c, k.request)
	if err != nil {
		return answer{}, err
	}
	if decision.Action == apiconn.Continue {
		return k.goOn(decision)
	}
	pointer := aboveForm
	if decision.Action == apiconn.ValidationError && slices.Contains(k.person.fields, field) {
		pointer = aboveForm + strings.ReplaceAll(field, ".", "/")
	}
	return kratosStop(decision, pointer)
}

// readKratos reads the body. Members that are not ours are the operator's, who writes the Jsonnet.
func readKratos(c *call) (*kratosRequest, error) {
	if err := edge.CheckJSON(c.header); err != nil {
		return nil, err
	}
	body, err := c.body()
	if err != nil {
		return nil, err
	}
	m, _, err := parseObject(body, "The request body")
	if err != nil {
		return nil, err
	}
	k := &kratosRequest{request: signup.Request{FlowID: c.keys[0], Step: c.keys[1], TraceParent: c.header.Get("Traceparent")}}
	for name, into := range map[string]*string{
		memberFlowID: &k.flowID, memberSubmission: &k.submission,
		memberKratosLocal: &k.request.UILocales, memberKratosApp: &k.request.ClientID,
	} {
		if *into, err = m.text(name); err != nil {
			return nil, err
		}
	}
	if n := utf8.RuneCountInString(k.flowID); n == 0 || n > maxKratosFlowID {
		return nil, apiconn.Invalidf(memberFlowID, "The member 'flow_id' is the id of Kratos' flow, 1 to %d characters.", maxKratosFlowID)
	}
	if !m.given(memberTraits) || !isObject(m[memberTraits]) {
		return nil, apiconn.Invalidf(memberTraits, "The member 'traits' is the object of the identity's traits.")
	}
	if k.person.traits, _, err = parseObject(m[memberTraits], "The member 'traits'"); err != nil {
		return nil, err
	}
	if isObject(k.person.traits[traitName]) { // the one that is looked into
		if _, _, err := parseObject(k.person.traits[traitName], "The trait 'name'"); err != nil {
			return nil, err
		}
	}
	if k.person.fields, err = kratosFields(m); err != nil {
		return nil, err
	}
	k.request.Claims = k.person.claims()
	if m.given(memberIdentities) {
		given, err := signup.ParseClaims(slices.Concat([]byte(`{"identities":`), m[memberIdentities], []byte(`}`)))
		if err != nil {
			return nil, err
		}
		k.request.Claims[memberIdentities] = given[memberIdentities]
	}
	k.request.IdempotencyKey, err = k.journey(m[memberTraits])
	return k, err
}

// kratosFields are the inputs of the form that are traits. A dot in a trait's own name comes escaped; such a trait has no
// claim.
func kratosFields(m members) ([]string, error) {
	if !m.given(memberFields) {
		return nil, nil
	}
	var all *[]string
	if !decodeTexts(m[memberFields], &all) {
		return nil, wrongType(memberFields, "an array of strings")
	}
	return slices.DeleteFunc(*all, func(name string) bool {
		return !strings.HasPrefix(name, traitsPrefix) || strings.Contains(name, `\.`)
	}), nil
}

// journey is the key under which a submission is decided once: Kratos sends the same again when it tries again, and
// another one when the user presses the button again.
func (k *kratosRequest) journey(traits json.RawMessage) (string, error) {
	var compact bytes.Buffer
	compact.WriteByte('[')
	if err := json.Compact(&compact, traits); err != nil {
		return "", err
	}
	submission, err := encode(k.submission)
	if err != nil {
		return "", err
	}
	compact.WriteByte(',')
	compact.Write(submission)
	compact.WriteByte(']')
	sum := sha256.Sum256(compact.Bytes())
	return "kratos:" + k.flowID + ":" + hex.EncodeToString(sum[:]), nil
}

// kratosDecision tells people what was decided; Kratos passes it over.
type kratosDecision struct {
	Action       apiconn.Action         `json:"action"`
	Reason       apiconn.DecisionReason `json:"reason"`
	InvocationID string                 `json:"invocationId"`
	Ignored      []string               `json:"ignored,omitempty"` // claims that have no place among the traits
}

// kratosIdentity replaces the identity's traits whole.
type kratosIdentity struct {
	Traits members `json:"traits"`
}

// kratosGoOnBody is the answer that lets a registration go on.
type kratosGoOnBody struct {
	Identity *kratosIdentity `json:"identity,omitempty"` // absent: as it was
	Decision kratosDecision  `json:"decision"`
}

// goOn is the answer by which Kratos registers the user.
func (k *kratosRequest) goOn(d apiconn.Decision) (answer, error) {
	body := kratosGoOnBody{Decision: kratosDecision{Action: d.Action, Reason: d.Reason, InvocationID: d.InvocationID}}
	var changed bool
	if changed, body.Decision.Ignored = k.person.apply(k.request.Claims, d.Claims); changed {
		body.Identity = &kratosIdentity{k.person.traits}
	}
	return ok(body)
}

// aboveForm is the instance_ptr of messages that Kratos shows above the form.
const aboveForm = "#/"

// kratosOutcome is how an action that stops the registration is answered. Kratos' own ids of messages have seven digits
// and begin with 1 to 5; a user interface translates by them.
type kratosOutcome struct {
	status int
	id     int
}

var kratosOutcomes = map[apiconn.Action]kratosOutcome{
	apiconn.ValidationError: {http.StatusBadRequest, 9000001},
	apiconn.ShowBlockPage:   {http.StatusForbidden, 9000002},
	apiconn.Failed:          {http.StatusFailedDependency, 9000003},
}

const (
	kratosErrorID  = 9000004
	kratosSorry    = "Your sign-up could not be checked. Please try again later."
	kratosMaxWords = 512 // octets of what goes to Kratos' log
)

// kratosEntry is an entry of the answer's messages: what to show, and where.
type kratosEntry struct {
	Pointer  string          `json:"instance_ptr"`
	Messages []kratosMessage `json:"messages"`
}

// kratosMessage is a text for the user. Its context reaches the browser.
type kratosMessage struct {
	ID      int               `json:"id"`
	Text    string            `json:"text"`
	Type    string            `json:"type"`
	Context map[string]string `json:"context,omitempty"`
}

// kratosStopBody is the answer that stops a registration: by a decision, or because the request was refused.
type kratosStopBody struct {
	Messages []kratosEntry   `json:"messages"`
	Decision *kratosDecision `json:"decision,omitempty"`
	Error    *errorBody      `json:"error,omitempty"`
}

// kratosStop is the answer by which Kratos shows a message instead of registering the user.
func kratosStop(d apiconn.Decision, pointer string) (answer, error) {
	outcome, text := kratosOutcomes[d.Action], d.UserMessage
	if d.Action == apiconn.Failed {
		text = kratosSorry
	}
	words := string(d.Action) + ", " + string(d.Reason)
	if d.Detail != "" {
		words += ": " + d.Detail
	}
	message := kratosMessage{outcome.id, text, "error", map[string]string{"receipt_id": d.InvocationID}}
	a, err := ok(kratosStopBody{
		Messages: kratosMessages(pointer, message, words, " (receipt "+d.InvocationID+")"),
		Decision: &kratosDecision{Action: d.Action, Reason: d.Reason, InvocationID: d.InvocationID},
	})
	a.status = outcome.status
	return a, err
}

// kratosMessages are the message for the user and an entry without one: Kratos shows nothing of it, and its pointer is the
// only text of ours that Kratos writes into its log.
func kratosMessages(pointer string, message kratosMessage, words, end string) []kratosEntry {
	words = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, "patchbay: "+words)
	if most := kratosMaxWords - len(end); len(words) > most {
		words = strings.ToValidUTF8(words[:most-len("…")], "") + "…"
	}
	return []kratosEntry{{pointer, []kratosMessage{message}}, {words + end, []kratosMessage{}}}
}

// refuseKratos answers a request that failed: the error object for people with curl, and messages for Kratos.
func (h *Handler) refuseKratos(c *call, p *problem) answer {
	outward := *p
	if outward.Status == http.StatusTooManyRequests || outward.Status >= http.StatusInternalServerError {
		outward.Status, outward.RetryAfter = http.StatusFailedDependency, 0
	}
	envelope := h.envelope(c, p)
	return h.refused(&outward, kratosStopBody{
		Messages: kratosMessages(aboveForm, kratosMessage{ID: kratosErrorID, Text: kratosSorry, Type: "error"}, p.Code+": "+p.Message, ""),
		Error:    &envelope,
	})
}
