package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/odata"
)

// codes are those that contract 2.7 and 3.1 name, and those of the statuses that the second lists without one.
var codes = regexp.MustCompile(`^(BadRequest|RequestBodyRead|Request_UnsupportedQuery|Request_BadRequest|ResourceNotFound|InvalidAuthenticationToken|` +
	`Authorization_RequestDenied|TooManyRequests|Conflict|PreconditionFailed|UnprocessableEntity|InternalServerError|BadGateway|ServiceUnavailable|` +
	`RequestEntityTooLarge|UnsupportedMediaType|AADB2C\d*)$`)

// TestEveryFailureHasItsWords: each Kind and Problem has a status, a code and, on the wire, a message that is there
// and not empty, because the Go SDK panics on a null one (contract 3.1).
func TestEveryFailureHasItsWords(t *testing.T) {
	t.Parallel()
	failures := map[string]error{"any other": errors.New("disk on fire"), "deadline": fmt.Errorf("read: %w", context.DeadlineExceeded)}
	for _, k := range apiconn.Kinds {
		failures[fmt.Sprintf("kind %d", k)] = apiconn.Errorf(k, "Words.").Because(errors.New("cause"))
	}
	for _, p := range odata.Problems {
		failures["problem "+p.String()] = &odata.Error{Problem: p, Message: "Words."}
	}
	for _, err := range []error{edge.ErrBodyTooLarge, edge.ErrEncodingUnsupported, edge.ErrBodyUnreadable} {
		failures[err.Error()] = errors.Join(err, errors.New("cause"))
	}
	for name, err := range failures {
		p := asProblem(fmt.Errorf("on the way out: %w", err))
		if p.status < 400 || p.status > 599 || http.StatusText(p.status) == "" || !codes.MatchString(p.code) {
			t.Errorf("%s: %d %q", name, p.status, p.code)
		}
		var body struct {
			Error struct {
				Code, Message *string
				InnerError    map[string]string
			}
		}
		if err := json.Unmarshal(p.envelope("id", "client id", time.Unix(0, 0)), &body); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if body.Error.Code == nil || *body.Error.Code != p.code || body.Error.Message == nil || *body.Error.Message == "" {
			t.Errorf("%s: code or message is not there: %+v", name, body)
		}
		if inner := body.Error.InnerError; inner["date"] != "1970-01-01T00:00:00" || inner["request-id"] != "id" || inner["client-request-id"] != "client id" {
			t.Errorf("%s: innerError %v", name, inner)
		}
		if *body.Error.Message != "Words." && p.status == http.StatusBadRequest && !errors.Is(err, edge.ErrBodyUnreadable) {
			t.Errorf("%s: the message got lost: %q", name, *body.Error.Message)
		}
	}
}

// TestFaultsOfOursStayInside: the client learns nothing of a cause.
func TestFaultsOfOursStayInside(t *testing.T) {
	t.Parallel()
	p := asProblem(errors.New("open database: no such file"))
	if p.status != http.StatusInternalServerError || p.code != "InternalServerError" || regexp.MustCompile("database|file").MatchString(p.message) {
		t.Errorf("%d %q %q", p.status, p.code, p.message)
	}
	if p.cause == nil {
		t.Error("the log does not learn the cause")
	}
}
