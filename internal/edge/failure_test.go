package edge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// TestEveryKindAndReasonIsAFailure: each Kind has its row, and each row's words are there and fit its status.
func TestEveryKindAndReasonIsAFailure(t *testing.T) {
	t.Parallel()
	errs := map[string]error{"any other": errors.New("disk on fire"), "deadline": fmt.Errorf("read: %w", context.DeadlineExceeded)}
	for _, k := range apiconn.Kinds {
		if _, ok := kinds[k]; !ok {
			t.Errorf("kind %d has no status and code", k)
		}
		errs[fmt.Sprintf("kind %d", k)] = apiconn.Errorf(k, "Words.").Because(errors.New("cause"))
	}
	if len(kinds) != len(apiconn.Kinds) {
		t.Errorf("%d kinds have a mapping, there are %d", len(kinds), len(apiconn.Kinds))
	}
	for reason := range reasons {
		errs[string(reason)] = &apiconn.Error{Kind: apiconn.Invalid, Reason: reason, Message: "Words."}
	}
	for _, b := range bodies {
		errs[b.err.Error()] = errors.Join(b.err, errors.New("cause"))
	}
	for name, err := range errs {
		f := FailureOf(fmt.Errorf("on the way out: %w", err))
		if f.Status < 400 || f.Status > 599 || http.StatusText(f.Status) == "" || f.Code == "" || f.Message == "" {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := FailureOf(errors.New("disk on fire")); f.Status != http.StatusInternalServerError || f.Cause == nil || f.Message == "disk on fire" {
		t.Errorf("a fault of ours: %+v", f)
	}
}

// TestInnerError: the ids in their order, and CPIM's correlationId before them.
func TestInnerError(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.July, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	want := [][2]string{{"date", "2026-07-01T11:00:00"}, {"request-id", "r"}, {"client-request-id", "c"}}
	if diff := cmp.Diff(want, InnerError("BadRequest", "r", "c", at)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(append([][2]string{{"correlationId", "r"}}, want...), InnerError("AADB2C90213", "r", "c", at)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestIfMatchAndIdempotencyKey: what counts, and what is refused.
func TestIfMatchAndIdempotencyKey(t *testing.T) {
	t.Parallel()
	matches := map[string][]int64{
		`W/"3"`: {3}, `"3", W/"4"`: {3, 4}, `*`: nil, `"x"`: {}, `W/"1",*`: nil,
	}
	for header, want := range matches {
		got, err := IfMatch(http.Header{"If-Match": {header}})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", header, err, diff)
		}
	}
	if _, err := IfMatch(http.Header{"If-Match": {"3"}}); apiconn.KindOf(err) != apiconn.Invalid || err == nil {
		t.Errorf("an unquoted tag: %v", err)
	}
	if key, err := IdempotencyKey(http.Header{"Idempotency-Key": {` "a-b" `}}); key != "a-b" || err != nil {
		t.Errorf("%q %v", key, err)
	}
	for _, bad := range [][]string{{""}, {"a b"}, {"é"}, {"a", "b"}, {string(make([]byte, 256))}} {
		if key, err := IdempotencyKey(http.Header{"Idempotency-Key": bad}); err == nil {
			t.Errorf("%q is accepted as %q", bad, key)
		}
	}
}
