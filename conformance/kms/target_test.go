package conformance

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// target is the endpoint of a connector. It lets everybody in and counts.
type target struct {
	server *httptest.Server
	roots  string // PEM
	asked  atomic.Int64
}

func startTarget(t *testing.T) *target {
	t.Helper()
	s := &target{}
	s.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if user, password, _ := r.BasicAuth(); user != connectorUser || password != connectorPassword {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"version":"1.0.0","action":"Continue"}`)
	}))
	t.Cleanup(s.server.Close)
	s.roots = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw}))
	return s
}
