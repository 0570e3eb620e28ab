package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
)

// describe is GET /openapi.json.
func (h *Handler) describe(_ context.Context, c *call) (answer, error) {
	if _, err := c.parameters(); err != nil {
		return answer{}, err
	}
	if h.opts.Description == nil {
		return answer{}, noSuchPath()
	}
	text, err := h.opts.Description()
	return answer{status: http.StatusOK, body: text}, err
}

// The bodies of requests. A member that is null counts as absent.
type (
	stepGiven struct {
		Claims    claimsGiven `json:"claims"`
		UILocales *string     `json:"uiLocales,omitempty"`
		ClientID  *string     `json:"clientId,omitempty"`
	}
	replayGiven struct {
		TargetURL *string      `json:"targetUrl,omitempty"`
		Claims    *claimsGiven `json:"claims,omitempty"`
		UILocales *string      `json:"uiLocales,omitempty"`
		ClientID  *string      `json:"clientId,omitempty"`
	}
	claimsGiven       map[string]any
	callSettingsGiven struct {
		Profile         *apiconn.CallProfile `json:"profile,omitempty"`
		Budget          *int64               `json:"budgetMilliseconds,omitempty"`
		Attempts        *int                 `json:"attempts,omitempty"`
		AttemptTimeout  *int64               `json:"attemptTimeoutMilliseconds,omitempty"`
		TrustedRoots    *string              `json:"trustedRoots,omitempty"`
		PinnedKeys      *[]string            `json:"pinnedKeys,omitempty"`
		LateCertificate *bool                `json:"allowLateClientCertificate,omitempty"`
		MaxConcurrent   *int                 `json:"maxConcurrent,omitempty"`
	}
	kratosGiven struct {
		FlowID     string         `json:"flow_id"`
		Submission *string        `json:"submission,omitempty"`
		Traits     map[string]any `json:"traits"`
		Fields     *[]string      `json:"fields,omitempty"`
		UILocales  *string        `json:"ui_locales,omitempty"`
		ClientID   *string        `json:"client_id,omitempty"`
		Identities any            `json:"identities,omitempty"`
	}
)

// wire is what an operation takes and answers.
type wire struct {
	id      string
	takes   any // a value of the type of the body; nil: none
	gives   any // likewise, with a 200
	query   []string
	headers []string
	fails   any  // the body of a refusal; nil: Graph's error object
	open    bool // the body may have members that are not described
}

// wires says so of each operation in the table of routes.
var wires = map[string]wire{
	"POST /userFlows/{id}/steps/{step}": {
		id: "runtime_DecideStep", takes: stepGiven{}, gives: decisionBody{}, query: []string{parameterReceipt},
		headers: []string{"Idempotency-Key", "traceparent"},
	},
	"GET /invocations":      {id: "runtime_ListInvocation", gives: collection[invocationBody]{}, query: invocationParameters()},
	"GET /invocations/{id}": {id: "runtime_GetInvocation", gives: invocationBody{}},
	"POST /invocations/{id}/replay": {
		id: "runtime_ReplayInvocation", takes: replayGiven{}, gives: decisionBody{}, query: []string{parameterReceipt}, headers: []string{"traceparent"},
	},
	"GET /connectors/{id}/callSettings":   {id: "runtime_GetCallSettings", gives: callSettingsBody{}},
	"PATCH /connectors/{id}/callSettings": {id: "runtime_UpdateCallSettings", takes: callSettingsGiven{}, gives: callSettingsBody{}, headers: []string{"If-Match"}},
	"GET /certificates":                   {id: "runtime_ListCertificate", gives: collection[certificateBody]{}, query: []string{parameterExpires}},
	"GET /reasons":                        {id: "runtime_ListReason", gives: collection[reasonBody]{}},
	"GET /openapi.json":                   {id: "runtime_GetDescription", gives: map[string]any{}},
	"POST /adapters/kratos/{id}/{step}": {
		id: "runtime_DecideStepForKratos", takes: kratosGiven{}, gives: kratosGoOnBody{}, query: []string{parameterField},
		headers: []string{"traceparent"}, fails: kratosStopBody{}, open: true,
	},
}

// OpenAPI describes this surface: paths, methods and permissions by the table of routes, bodies by their types. basic tells
// whether HTTP Basic is accepted.
func OpenAPI(basic bool) (edge.Description, error) {
	d := &edge.Description{Tag: edge.Tag{Name: "runtime", Description: "Patchbay's own surface: steps of sign-ups, receipts and how connectors are called."}}
	security, failure := []map[string][]string{d.BearerToken()}, d.GraphError()
	if basic {
		d.Component("securitySchemes", edge.BasicScheme, edge.Object{
			"type": "http", "scheme": "basic",
			"description": "'<tenant id or name>/<client id>' of an application of the local authority, and one of its secrets.",
		})
		security = append(security, map[string][]string{edge.BasicScheme: {}})
	}
	schemas := &edge.Schemas{Of: d, Prefix: "runtime.", Known: knownTypes(d)}
	described := 0
	for _, r := range routes() {
		for _, method := range slices.Sorted(maps.Keys(r.methods)) {
			w, ok := wires[method+" "+r.path]
			if !ok {
				return edge.Description{}, fmt.Errorf("what does %s %s take and answer?", method, r.path)
			}
			described++
			o := w.operation(schemas, failure)
			o.Summary = r.methods[method].does
			o.Parameters = append(pathParameters(r.path), o.Parameters...)
			if !r.public {
				o.Security, o.Description = security, "Permission: "+r.methods[method].permissions+"."
			}
			d.Add(base+r.path, strings.ToLower(method), o)
		}
	}
	if described != len(wires) {
		return edge.Description{}, fmt.Errorf("%d operations are described, and there are %d", len(wires), described)
	}
	return *d, nil
}

func (w wire) operation(schemas *edge.Schemas, failure edge.Object) edge.Operation {
	answer := edge.Body("The answer.", "application/json", schemas.For(w.gives))
	if _, settings := w.gives.(callSettingsBody); settings {
		answer["headers"] = edge.Object{"ETag": edge.Object{"description": "The version, for If-Match.", "schema": edge.Text[string]()}}
	}
	o := edge.Operation{ID: w.id, Responses: map[string]edge.Object{strconv.Itoa(http.StatusOK): answer, "default": failure}}
	if w.fails != nil {
		o.Responses["default"] = edge.Body("What to show instead of registering the user.", "application/json", schemas.For(w.fails))
	}
	if w.takes != nil {
		body := schemas.For(w.takes)
		schemas.Further(w.takes, w.open)
		o.RequestBody = edge.Object{"required": true, "content": edge.Object{"application/json": edge.Object{"schema": body}}}
	}
	for _, name := range w.query {
		p := parameterTable[name]
		o.Parameters = append(o.Parameters, edge.Parameter("query", name, p.description, p.schema))
	}
	for _, name := range w.headers {
		p := parameterTable[name]
		o.Parameters = append(o.Parameters, edge.Parameter("header", name, p.description, p.schema))
	}
	return o
}

// parameterTable is every parameter of a query or a header.
var parameterTable = map[string]struct {
	description string
	schema      edge.Object
}{
	parameterReceipt:   {"Whether the receipt comes in the answer.", edge.Object{"type": "boolean", "default": false}},
	parameterField:     {"The input of the form at which a ValidationError is shown, such as traits.email.", edge.Object{"type": "string", "pattern": "^traits\\."}},
	parameterFrom:      {"The earliest moment.", edge.Object{"type": "string", "format": "date-time"}},
	parameterTo:        {"The moment before which.", edge.Object{"type": "string", "format": "date-time"}},
	parameterTop:       {"The size of a page.", edge.Object{"type": "integer", "minimum": 1, "maximum": maxPageSize, "default": pageSize}},
	parameterSkipToken: {"Where a page begins; comes in nextLink.", edge.Text[string]()},
	parameterExpires:   {"Within how many days.", edge.Object{"type": "integer", "minimum": 0, "maximum": expiresMost, "default": expiresDefault}},
	"userFlowId":       {"Of this user flow.", edge.Text[string]()},
	"step":             {"At this step, in any case.", edge.Text[string]()},
	"connectorId":      {"Of this connector.", edge.Text[string]()},
	"action":           {"With this action.", edge.Text(apiconn.Continue, apiconn.ShowBlockPage, apiconn.ValidationError, apiconn.Failed)},
	"reason":           {"With this reason.", edge.Text[string]()},
	"appId":            {"By this application.", edge.Text[string]()},
	"correlationId":    {"The request-id of the step's answer.", edge.Text[string]()},
	"Idempotency-Key":  {"The same for a repetition of one submission: it is decided once.", edge.Object{"type": "string", "maxLength": 255}},
	"traceparent":      {"A trace to be continued (W3C).", edge.Text[string]()},
	"If-Match":         {"The ETag of the version that is meant: 412 if there is another.", edge.Text[string]()},
}

// pathParameters are the keys in a path.
func pathParameters(path string) []edge.Object {
	var all []edge.Object
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "{id}":
			all = append(all, edge.Parameter("path", "id", "The id.", edge.Text[string]()))
		case "{step}":
			all = append(all, edge.Parameter("path", "step", "A step of a user flow, in any case.", edge.Text[string]()))
		}
	}
	return all
}

// knownTypes are the types that write themselves, and the words of which there are only so many.
func knownTypes(d *edge.Description) map[reflect.Type]edge.Object {
	var reasons []apiconn.DecisionReason
	for _, f := range apiconn.Reasons() {
		reasons = append(reasons, f.Reason)
	}
	slices.Sort(reasons)
	text := edge.Text[string]()
	return map[reflect.Type]edge.Object{
		reflect.TypeFor[milliseconds]():           {"type": "number"},
		reflect.TypeFor[instant]():                {"type": "string", "format": "date-time"},
		reflect.TypeFor[json.RawMessage]():        {"type": "object"}, // claims
		reflect.TypeFor[members]():                {"type": "object"}, // traits
		reflect.TypeFor[ordered]():                {"type": "object", "additionalProperties": text},
		reflect.TypeFor[apiconn.Action]():         edge.Text(apiconn.Continue, apiconn.ShowBlockPage, apiconn.ValidationError, apiconn.Failed),
		reflect.TypeFor[apiconn.Effect]():         edge.Text(apiconn.Decides, apiconn.Fails, apiconn.Noted),
		reflect.TypeFor[apiconn.CallProfile]():    edge.Text(apiconn.ProfileEntra, apiconn.ProfileB2C),
		reflect.TypeFor[apiconn.DecisionReason](): d.Component("schemas", "runtime.reasonName", edge.Text(reasons...)),
	}
}
