package main

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// remembered is how many requests are remembered, the last ones.
const remembered = 2000

// seen is a request that came by.
type seen struct {
	At       int64       `json:"at"` // when it came, in milliseconds since 1970
	Method   string      `json:"method"`
	Host     string      `json:"host"`
	Target   string      `json:"target"` // path and query as they were sent
	Protocol string      `json:"protocol"`
	Status   int         `json:"status"` // of the answer; 0 while there is none
	Fault    bool        `json:"fault"`  // whether Relay answered it, as it was asked to
	Headers  http.Header `json:"headers"`
}

// record is what Relay was asked to do and what it saw. Safe for concurrent use.
type record struct {
	mu       sync.Mutex
	faults   []*fault
	requests int
	faulty   int
	seen     []*seen
	connects map[string]int // by host:port: tunnels
	refused  map[string]int // by host:port: tunnels to hosts that are not mapped
}

// report is a record as JSON.
type report struct {
	Requests int            `json:"requests"`
	Faults   int            `json:"faults"`  // answered
	Pending  int            `json:"pending"` // faults that have not been met as often as they were asked for
	Connects map[string]int `json:"connects"`
	Refused  map[string]int `json:"refused"`
	Seen     []seen         `json:"seen"`
}

func newRecord() *record {
	r := &record{}
	r.reset()
	return r
}

func (r *record) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults, r.requests, r.faulty, r.seen = nil, 0, 0, nil
	r.connects, r.refused = map[string]int{}, map[string]int{}
}

func (r *record) expect(f *fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f)
}

// come writes a request down, and returns the fault that it is to meet, or nil.
func (r *record) come(req *http.Request) (*seen, *fault) {
	s := &seen{
		At: time.Now().UnixMilli(), Method: req.Method, Host: req.Host, Target: req.RequestURI, Protocol: req.Proto,
		Headers: shown(req.Header),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if len(r.seen) == remembered {
		r.seen = slices.Delete(r.seen, 0, 1)
	}
	r.seen = append(r.seen, s)
	i := slices.IndexFunc(r.faults, func(f *fault) bool { return f.concerns(req) })
	if i < 0 {
		return s, nil
	}
	f := r.faults[i]
	s.Fault = true
	r.faulty++
	if f.Times--; f.Times == 0 {
		r.faults = slices.Delete(r.faults, i, i+1)
	}
	return s, f
}

// answered writes down how a request was answered.
func (r *record) answered(s *seen, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Status = status
}

// tunnel writes a CONNECT down.
func (r *record) tunnel(target string, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if refused {
		r.refused[target]++
	} else {
		r.connects[target]++
	}
}

func (r *record) report() report {
	r.mu.Lock()
	defer r.mu.Unlock()
	told := report{
		Requests: r.requests, Faults: r.faulty, Pending: len(r.faults), Connects: map[string]int{}, Refused: map[string]int{},
		Seen: make([]seen, len(r.seen)),
	}
	for i, s := range r.seen {
		told.Seen[i] = *s
	}
	for target, n := range r.connects {
		told.Connects[target] = n
	}
	for target, n := range r.refused {
		told.Refused[target] = n
	}
	return told
}

// shown is a copy of headers that tells no secret.
func shown(headers http.Header) http.Header {
	headers = headers.Clone()
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
		for i, value := range headers[name] {
			scheme, _, _ := strings.Cut(value, " ")
			headers[name][i] = scheme + " ******"
			if name == "Cookie" {
				headers[name][i] = "******"
			}
		}
	}
	return headers
}
