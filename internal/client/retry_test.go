package client

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestRetry(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status   int
		after    string
		fails    int // how often before it succeeds
		want     int // status in the end
		requests int
	}{
		"throttled":         {http.StatusTooManyRequests, "0", 2, http.StatusOK, 3},
		"not ready":         {http.StatusServiceUnavailable, "0", 1, http.StatusOK, 2},
		"a date":            {http.StatusTooManyRequests, "Wed, 21 Oct 2015 07:28:00 GMT", 1, http.StatusOK, 2},
		"too often":         {http.StatusTooManyRequests, "0", 99, http.StatusTooManyRequests, maxAttempts},
		"too long":          {http.StatusTooManyRequests, "31", 1, http.StatusTooManyRequests, 1},
		"a fault of ours":   {http.StatusBadRequest, "0", 1, http.StatusBadRequest, 1},
		"a fault of theirs": {http.StatusInternalServerError, "0", 1, http.StatusInternalServerError, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			n := 0
			s.mux.HandleFunc("POST /v1.0/x", func(w http.ResponseWriter, r *http.Request) {
				if n++; r.ContentLength != 7 {
					t.Errorf("request %d has %d bytes, want 7", n, r.ContentLength)
				}
				if n > tt.fails {
					answer(w, http.StatusOK, `{}`)
					return
				}
				w.Header().Set("Retry-After", tt.after)
				answer(w, tt.status, `{}`)
			})
			res, err := s.client(t).Do(t.Context(), http.MethodPost, "/v1.0/x", []byte(`{"a":1}`), nil)
			status := 0
			if refused := (*Error)(nil); errors.As(err, &refused) {
				status = refused.Status
			} else if err == nil {
				status = res.Status
			}
			if status != tt.want || n != tt.requests {
				t.Errorf("status %d after %d requests (%v), want %d after %d", status, n, err, tt.want, tt.requests)
			}
		})
	}
}

// TestRetryEnds checks that whoever gives up does not wait.
func TestRetryEnds(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.mux.HandleFunc("GET /v1.0/x", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "29")
		answer(w, http.StatusTooManyRequests, `{}`)
		cancel()
	})
	if _, err := s.client(t).Do(ctx, http.MethodGet, "/v1.0/x", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Do: %v, want it cancelled", err)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, "7": 7 * time.Second, "": 2 * time.Second, "soon": 2 * time.Second, "-1": 2 * time.Second, "99999999999999": 2 * time.Second,
		"Wed, 01 Jul 2026 12:00:05 GMT": 5 * time.Second, "Wed, 01 Jul 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(value, 2*time.Second, now); got != want {
			t.Errorf("retryAfter(%q) = %s, want %s", value, got, want)
		}
	}
}
