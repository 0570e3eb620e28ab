package graph

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/patchbay/patchbay/internal/odata"
)

// The bounds of a batch: the number of its requests (contract 3.4), the octets of its answers after which the rest is not
// carried out (one request of a few hundred octets may ask for megabytes), and the characters of an id.
const (
	maxBatch       = 20
	maxBatchAnswer = 8 << 20
	maxBatchID     = 256
)

// item is one request of a batch.
type item struct {
	id        string
	method    string
	url       string
	header    http.Header
	body      []byte
	hasBody   bool
	dependsOn []string
}

// batch answers POST /$batch: every item goes through the same routes, permissions and throttle as a request of its own,
// in the order given but never before what it depends on. The outer status is 200 whenever the envelope can be read.
func (h *Handler) batch(ctx context.Context, c *call) (answer, error) {
	if c.inBatch {
		return answer{}, badRequest("A batch cannot contain another $batch request.")
	}
	envelope, _, err := c.object()
	if err != nil {
		return answer{}, err
	}
	items, err := readBatch(envelope)
	if err != nil {
		return answer{}, err
	}
	order, err := inOrder(items)
	if err != nil {
		return answer{}, err
	}
	failed := map[string]bool{}
	body := []byte(`{"responses":[`)
	for i, it := range order {
		if i > 0 {
			body = append(body, ',')
		}
		a := h.batchItem(ctx, c, it, len(body) > maxBatchAnswer, slices.ContainsFunc(it.dependsOn, func(id string) bool { return failed[strings.ToLower(id)] }))
		failed[strings.ToLower(it.id)] = a.status >= http.StatusBadRequest
		body = odata.AppendEntity(body, odata.Entity{Properties: a.batchResponse(it.id)}, odata.Format{})
	}
	return answer{status: http.StatusOK, contentType: "application/json", body: append(body, "]}"...)}, nil
}

func (h *Handler) batchItem(ctx context.Context, outer *call, it item, full, dependencyFailed bool) answer {
	x := *outer.x
	x.Failure, x.Fault = nil, false
	c := &call{
		method: it.method, version: outer.version, origin: outer.origin, header: it.header,
		caller: outer.caller, authenticated: true, x: &x, inBatch: true,
		body: func() ([]byte, error) { return it.body, nil },
	}
	defer func() {
		if x.Failure != nil {
			outer.x.Failure = errors.Join(outer.x.Failure, fmt.Errorf("request %q: %w", it.id, x.Failure))
		}
		outer.x.Fault = outer.x.Fault || x.Fault
	}()
	path, query, _ := strings.Cut(it.url, "?")
	c.query = query
	switch {
	case dependencyFailed:
		return h.refuse(c, &problem{status: http.StatusFailedDependency, code: "FailedDependency", message: "A request that this one depends on failed, so this one was not carried out."})
	case full:
		return h.refuse(c, &problem{status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLarge", message: "The answers of this batch are too large together, so this request was not carried out. Send it in another batch."})
	case len(it.url) > h.opts.MaxURL:
		return h.refuse(c, urlTooLong())
	case it.hasBody && it.header.Get("Content-Type") == "":
		return h.refuse(c, badRequest("Write request id : "+it.id+" does not contain Content-Type header or body."))
	case strings.Contains(path, "://"):
		return h.refuse(c, badRequest("The url of a batch request is relative to the version's root, such as /identity/apiConnectors."))
	}
	a := h.answer(ctx, c, strings.TrimPrefix(path, "/"))
	if it.method == http.MethodHead {
		a.body = nil
	}
	return a
}

// refuse answers a request that is not carried out. It counts all the same, or refusals would be free.
func (h *Handler) refuse(c *call, p *problem) answer {
	throttled, err := h.throttle.admit(c.caller, c.writes())
	if err == nil {
		err = p
	}
	return h.failure(c, err).with(throttled)
}

// batchResponse is the answer as an element of responses: only the headers that say something about this item.
func (a answer) batchResponse(id string) []odata.Property {
	headers := []odata.Property{}
	if a.contentType != "" {
		headers = append(headers, odata.Property{Name: "Content-Type", Value: odata.String(a.contentType)})
	}
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		headers = append(headers, odata.Property{Name: name, Value: odata.String(a.header[name][0])})
	}
	response := []odata.Property{
		{Name: "id", Value: odata.String(id)},
		{Name: "status", Value: odata.Int64(a.status)},
		{Name: "headers", Value: odata.Complex{Properties: headers}},
	}
	switch {
	case len(a.body) == 0:
	case strings.HasPrefix(a.contentType, "application/json"):
		response = append(response, odata.Property{Name: "body", Value: odata.Raw(a.body)})
	default:
		response = append(response, odata.Property{Name: "body", Value: odata.String(base64.StdEncoding.EncodeToString(a.body))})
	}
	return response
}

// readBatch reads the envelope: {"requests":[{"id","method","url","headers","body","dependsOn"}]}.
func readBatch(envelope odata.Object) ([]item, error) {
	value, _ := envelope.Get("requests")
	list, _ := value.Array()
	if len(list) == 0 {
		return nil, badEnvelope("The body must be an object with a 'requests' array that is not empty.")
	}
	if len(list) > maxBatch {
		return nil, badRequest(fmt.Sprintf("Number of requests in a batch is limited to %d. Send the rest in another batch.", maxBatch))
	}
	items := make([]item, len(list))
	seen := map[string]bool{}
	for i, element := range list {
		members, ok := element.Object()
		if !ok {
			return nil, badEnvelope("Every request must be an object.")
		}
		it, err := readItem(members)
		if err != nil {
			return nil, err
		}
		if seen[strings.ToLower(it.id)] {
			return nil, badEnvelope("Request id '" + it.id + "' is used more than once. Ids are compared without regard to case.")
		}
		seen[strings.ToLower(it.id)] = true
		items[i] = it
	}
	return items, nil
}

func badEnvelope(detail string) *problem {
	return badRequest("Invalid batch payload format. " + detail)
}

func readItem(members odata.Object) (item, error) {
	text := func(name string) string {
		value, _ := members.Get(name)
		s, _ := value.Text()
		return s
	}
	it := item{id: text("id"), method: strings.ToUpper(text("method")), url: text("url"), header: http.Header{}}
	if it.id == "" || it.method == "" || it.url == "" {
		return item{}, badEnvelope("Every request needs the strings 'id', 'method' and 'url'.")
	}
	if len(it.id) > maxBatchID {
		return item{}, badEnvelope(fmt.Sprintf("The id of a request may have at most %d octets.", maxBatchID))
	}
	if value, _ := members.Get("headers"); !value.IsNull() {
		headers, ok := value.Object()
		if !ok {
			return item{}, badEnvelope("The 'headers' of request '" + it.id + "' must be an object.")
		}
		for name, value := range headers.All() {
			text, ok := value.Text()
			if !ok {
				return item{}, badEnvelope("Every header of request '" + it.id + "' must be a string.")
			}
			it.header.Set(name, text)
		}
	}
	if value, _ := members.Get("dependsOn"); !value.IsNull() {
		list, ok := value.Array()
		for _, element := range list {
			id, isText := element.Text()
			ok = ok && isText
			it.dependsOn = append(it.dependsOn, id)
		}
		if !ok {
			return item{}, badEnvelope("The 'dependsOn' of request '" + it.id + "' must be an array of request ids.")
		}
	}
	return it, it.readBody(members)
}

// readBody takes an object as it stood in the envelope, and a string as base64 of anything but JSON.
func (it *item) readBody(members odata.Object) error {
	value, _ := members.Get("body")
	if value.IsNull() {
		return nil
	}
	it.hasBody = true
	text, isText := value.Text()
	if !isText {
		it.body = value.Raw()
		return nil
	}
	var err error
	if it.body, err = base64.StdEncoding.DecodeString(text); err != nil {
		return badEnvelope("The 'body' of request '" + it.id + "' must be a JSON object, or a base64 string for any other content type.")
	}
	return nil
}

// inOrder sorts items so that each comes after what it depends on, otherwise as given.
func inOrder(items []item) ([]item, error) {
	const visiting, done = 1, 2
	byID := map[string]int{}
	for i, it := range items {
		byID[strings.ToLower(it.id)] = i
	}
	state := make([]int, len(items))
	order := make([]item, 0, len(items))
	var visit func(i int) error
	visit = func(i int) error {
		if state[i] == done {
			return nil
		}
		if state[i] == visiting {
			return badRequest("The requests of this batch depend on each other in a circle, at request '" + items[i].id + "'.")
		}
		state[i] = visiting
		for _, id := range items[i].dependsOn {
			j, ok := byID[strings.ToLower(id)]
			if !ok {
				return badRequest("Request '" + items[i].id + "' depends on '" + id + "', which is not in this batch.")
			}
			if err := visit(j); err != nil {
				return err
			}
		}
		state[i] = done
		order = append(order, items[i])
		return nil
	}
	for i := range items {
		if err := visit(i); err != nil {
			return nil, err
		}
	}
	return order, nil
}
