package steps

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/signup"
)

// The parameters of a list of receipts that are no filter by themselves.
const (
	parameterFrom      = "from"
	parameterTo        = "to"
	parameterTop       = "top"
	parameterSkipToken = "skiptoken"
)

// How many receipts a page has: unless top says otherwise, and at the most.
const (
	pageSize    = 100
	maxPageSize = 1000
)

// propertyAt is what receipts are listed by.
const propertyAt = "createdDateTime"

// filters are the parameters that a property must equal, by the same name. word gives a value its one spelling; nil takes
// every value.
var filters = []struct {
	name string
	word func(string) (string, bool)
}{
	{"userFlowId", nil},
	{"step", func(text string) (string, bool) { s, ok := apiconn.StepByName(text); return s.Name, ok }},
	{"connectorId", nil},
	{"action", func(text string) (string, bool) {
		return text, slices.Contains([]apiconn.Action{apiconn.Continue, apiconn.ShowBlockPage, apiconn.ValidationError, apiconn.Failed}, apiconn.Action(text))
	}},
	{"reason", func(text string) (string, bool) {
		f, ok := apiconn.ReasonByName(apiconn.DecisionReason(text))
		return text, ok && f.Effect != apiconn.Noted
	}},
	{"appId", nil},
	{"correlationId", nil},
}

// invocationParameters are those of a list of receipts.
func invocationParameters() []string {
	names := []string{parameterFrom, parameterTo, parameterTop, parameterSkipToken}
	for _, f := range filters {
		names = append(names, f.name)
	}
	return names
}

// listInvocations is GET /invocations.
func (h *Handler) listInvocations(ctx context.Context, c *call) (answer, error) {
	values, err := c.parameters(invocationParameters()...)
	if err != nil {
		return answer{}, err
	}
	query, err := invocationQuery(values)
	if err != nil {
		return answer{}, err
	}
	page, err := h.opts.Signup.Invocations(ctx, c.caller, query)
	if err != nil {
		return answer{}, err
	}
	list := collection[invocationBody]{Value: []invocationBody{}}
	for _, i := range page.Items {
		list.Value = append(list.Value, invocationOf(i))
	}
	if page.Next != nil {
		values.Set(parameterSkipToken, encodePosition(page.Next))
		list.NextLink = c.origin + base + "/invocations?" + values.Encode()
	}
	return ok(list)
}

// invocationQuery translates the parameters of a list.
func invocationQuery(values url.Values) (apiconn.Query, error) {
	q := apiconn.Query{Order: []apiconn.Order{{Property: propertyAt, Descending: true}}}
	var all []*apiconn.Condition
	for _, f := range filters {
		value := values.Get(f.name)
		if value == "" {
			continue
		}
		if f.word != nil {
			word, known := f.word(value)
			if !known {
				return q, apiconn.Invalidf(f.name, "There is no %s '%s'. GET %s/reasons lists the reasons; docs/runtime.md the rest.", f.name, clip(value), base)
			}
			value = word
		}
		all = append(all, &apiconn.Condition{Op: apiconn.Eq, Property: f.name, Values: []string{value}})
	}
	for name, op := range map[string]apiconn.Op{parameterFrom: apiconn.Ge, parameterTo: apiconn.Lt} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return q, apiconn.Invalidf(name, "The query parameter '%s' is a time such as 2026-01-02T03:04:05Z, with '+' written as %%2B.", name)
		}
		all = append(all, &apiconn.Condition{Op: op, Property: propertyAt, Values: []string{strconv.FormatInt(at.UnixMicro(), 10)}})
	}
	if len(all) > 0 {
		q.Where = &apiconn.Condition{Op: apiconn.And, Args: all}
	}
	var err error
	if q.Limit, err = count(values, parameterTop, 1, maxPageSize, pageSize); err != nil {
		return q, err
	}
	if token := values.Get(parameterSkipToken); token != "" {
		q.After, err = decodePosition(token)
	}
	return q, err
}

// encodePosition packs the position of a page into an opaque text. It is neither secret nor signed.
func encodePosition(position []string) string {
	packed, _ := json.Marshal(position) // texts always encode
	return base64.RawURLEncoding.EncodeToString(packed)
}

// decodePosition unpacks a position of a list by time: the time in microseconds and the id.
func decodePosition(token string) ([]string, error) {
	var position []string
	packed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err == nil {
		err = json.Unmarshal(packed, &position)
	}
	if err == nil && len(position) == 2 {
		_, err = strconv.ParseInt(position[0], 10, 64)
	}
	if err != nil || len(position) != 2 || strings.ContainsRune(position[1], 0) || encodePosition(position) != token {
		return nil, apiconn.Invalidf(parameterSkipToken, "The skiptoken is not valid. Follow nextLink as it was given, or start again without it.")
	}
	return position, nil
}

// getInvocation is GET /invocations/{id}.
func (h *Handler) getInvocation(ctx context.Context, c *call) (answer, error) {
	if _, err := c.parameters(); err != nil {
		return answer{}, err
	}
	invocation, err := h.opts.Signup.Invocation(ctx, c.caller, c.keys[0])
	if err != nil {
		return answer{}, err
	}
	return ok(invocationOf(invocation))
}

// memberTargetURL is where a replay goes.
const memberTargetURL = "targetUrl"

// replay is POST /invocations/{id}/replay.
func (h *Handler) replay(ctx context.Context, c *call) (answer, error) {
	withReceipt, err := h.wantsReceipt(c)
	if err != nil {
		return answer{}, err
	}
	m, err := c.object(memberTargetURL, memberClaims, memberUILocales, memberClientID)
	if err != nil {
		return answer{}, err
	}
	request := signup.ReplayRequest{TraceParent: c.header.Get("Traceparent")}
	if m.given(memberClaims) {
		if request.Claims, err = signup.ParseClaims(m[memberClaims]); err != nil {
			return answer{}, err
		}
	}
	for name, into := range map[string]*string{
		memberTargetURL: &request.TargetURL, memberUILocales: &request.UILocales, memberClientID: &request.ClientID,
	} {
		if *into, err = m.text(name); err != nil {
			return answer{}, err
		}
	}
	decision, err := h.opts.Signup.Replay(ctx, c.caller, c.keys[0], request)
	if err != nil {
		return answer{}, err
	}
	return h.decided(ctx, c, decision, withReceipt)
}
