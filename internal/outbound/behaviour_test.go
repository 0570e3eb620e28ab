package outbound

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// scene is what a row of the table of behaviours is played in.
type scene struct {
	*testing.T
	servers *authority // trusted by the client
	clients *authority // trusted by servers that check client certificates
	rogue   *authority // trusted by nobody
	mutual  bool
	proof   Credential
	opt     Options
	call    Call

	complaints []string
}

// complain notes what is wrong. It counts unless the call overran.
func (s *scene) complain(format string, args ...any) {
	s.complaints = append(s.complaints, fmt.Sprintf(format, args...))
}

// behaviour is one way of a target, and what a call must come to.
type behaviour struct {
	name string
	// play starts the target and may change opt and call; the URL is set from what it returns, unless that is "".
	play     func(s *scene) (url string)
	reason   apiconn.DecisionReason // "": an answer
	mutual   apiconn.DecisionReason // with a client certificate, where that differs; "-": an answer
	status   int                    // of the last attempt
	attempts int                    // 0: 1; -1: none
	budget   time.Duration          // 0: quick ones have 2 s, of which they must not use a half
	early    time.Duration          // how long before the deadline it is answered at the latest; with budget
	check    func(s *scene, r Result)
}

// hangs is the budget of rows whose target uses it up.
const hangs = 300 * time.Millisecond

// TestBehaviours plays every behaviour with Basic and with a client certificate: the right reason, at the right time, and
// nothing seen of a secret. It is not parallel to other tests, because at its end it counts what the process has open.
func TestBehaviours(t *testing.T) {
	servers, clients, rogue := newAuthority(t, "servers"), newAuthority(t, "clients"), newAuthority(t, "rogue")
	rows := append(append(networkBehaviours(), tlsBehaviours()...), answerBehaviours()...)
	if len(rows) < 24 {
		t.Fatalf("%d behaviours", len(rows))
	}
	proofs := map[bool]Credential{false: basic(), true: presenting(clients.issue(t, "client", nil))}
	play := func(t *testing.T, row behaviour, mutual bool) (complaints []string, overran time.Duration) {
		t.Helper()
		s := &scene{T: t, servers: servers, clients: clients, rogue: rogue, mutual: mutual, proof: proofs[mutual]}
		overran = s.run(row)
		return s.complaints, overran
	}
	t.Run("warm up", func(t *testing.T) { play(t, rows[0], false) }) // what the runtime opens once and keeps
	before := descriptors()
	leaks := goleak.IgnoreCurrent()
	t.Run("rows", func(t *testing.T) {
		for _, row := range rows {
			for mutual, kind := range map[bool]string{false: "basic", true: "certificate"} {
				t.Run(row.name+"/"+kind, func(t *testing.T) {
					t.Parallel()
					// The machine may be busy with something else, so that a step of a few milliseconds takes hundreds. Who is
					// late or wrong every time is so.
					var complaints []string
					overran := time.Duration(1)
					for try := 0; try < 3 && (overran > 0 || len(complaints) > 0) && !t.Failed(); try++ {
						t.Run(fmt.Sprint("try ", try+1), func(t *testing.T) { complaints, overran = play(t, row, mutual) })
					}
					if overran > 0 {
						t.Errorf("late every time, the last time by %v", overran)
					}
					for _, complaint := range complaints {
						t.Error(complaint)
					}
				})
			}
		}
	})
	if err := goleak.Find(leaks); err != nil {
		t.Errorf("goroutines are left: %v", err)
	}
	eventually(t, "descriptors as before", 5*time.Second, func() bool { return descriptors() <= before })
}

// descriptors is how many the process has open; 0 where the system does not say.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// run plays a row, checks all but the time, and returns by how much the call came back late.
func (s *scene) run(row behaviour) time.Duration {
	s.Helper()
	var log lines
	s.opt = Options{Guard: loopback(s), Roots: s.servers.pool, MaxAnswer: 64 << 10, Log: log.logger()}
	s.call = call("", s.proof)
	s.call.Settings.Budget, s.call.InvocationID = 2*time.Second, "b7d3c8a2-5d0e-4a57-a9a7-9c8f3d1f0b55"
	due := time.Second
	if row.budget > 0 {
		s.call.Settings.Budget = row.budget
		due = row.budget - row.early + 50*time.Millisecond
	}
	if url := row.play(s); url != "" {
		s.call.URL = url
	}
	c := New(s.opt)
	began := time.Now()
	r := c.Do(s.Context(), s.call)
	took := time.Since(began)
	c.Close()
	eventually(s, "no connection is open after Close", 2*time.Second, func() bool { return c.Connections() == 0 })
	s.judge(row, r)
	s.secrets(r, log.String())
	if row.check != nil {
		row.check(s, r)
	}
	return took - due
}

// judge compares a result with what its row asks for.
func (s *scene) judge(row behaviour, r Result) {
	want := row.reason
	if s.mutual && row.mutual != "" {
		want = apiconn.DecisionReason(strings.TrimPrefix(string(row.mutual), "-"))
	}
	if r.Reason != want {
		s.complain("reason %q (%s), want %q", r.Reason, r.Detail, want)
	}
	if (r.Detail == "") != (r.Reason == "") || strings.ContainsAny(r.Detail, "{}\n") {
		s.complain("detail: %q", r.Detail)
	}
	attempts := max(row.attempts, 1)
	if row.attempts < 0 {
		attempts = 0
	}
	if len(r.Attempts) != attempts {
		s.complain("%d attempts, want %d: %+v", len(r.Attempts), attempts, r.Attempts)
	}
	if len(r.Attempts) == 0 {
		return
	}
	last := r.Attempts[len(r.Attempts)-1]
	status := row.status
	if r.Reason == "" && status == 0 {
		status = 200
	}
	if last.Status != status || r.Reason == "" && r.Status != status || r.Reason != "" && (r.Status != 0 || r.Body != nil) {
		s.complain("status %d of the last attempt, %d of the result, want %d", last.Status, r.Status, status)
	}
	if last.Reason != r.Reason || last.Detail != r.Detail {
		s.complain("the last attempt says %q %q", last.Reason, last.Detail)
	}
	for _, p := range last.Phases {
		if p.Started < 0 || p.Took < 0 || p.Started+p.Took > last.Took {
			s.complain("phases %+v of an attempt of %v", last.Phases, last.Took)
		}
	}
}

// secrets looks for secrets, and for the query, in whatever the call left.
func (s *scene) secrets(r Result, log string) {
	seen := fmt.Sprintf("%+v %#v %s %+v %#v", r, r, log, s.call.Credential, s.call.Credential)
	canaries := []string{
		testPassword, base64.StdEncoding.EncodeToString([]byte(testUser + ":" + testPassword)), "canary-query",
	}
	if s.proof.Certificate != nil {
		der, err := x509.MarshalPKCS8PrivateKey(s.proof.Certificate.PrivateKey)
		if err != nil {
			s.Fatal(err)
		}
		scalar := der[36:68]
		canaries = append(canaries, fmt.Sprintf("%x", scalar), fmt.Sprintf("%X", scalar), string(scalar),
			strings.Trim(fmt.Sprintf("%d", scalar), "[]"), base64.StdEncoding.EncodeToString(der)[60:80])
	}
	for n, canary := range canaries {
		if strings.Contains(seen, canary) {
			s.complain("secret %d is seen", n)
		}
	}
	if !bytes.Contains([]byte(log), []byte("msg=call")) && len(r.Attempts) > 0 {
		s.complain("no line of the attempt in the log")
	}
}

// config is a server's TLS configuration in order. With mutual it asks for a client certificate and checks it.
func (s *scene) config() *tls.Config {
	config := &tls.Config{Certificates: []tls.Certificate{*s.servers.issue(s, "server", nil)}, ClientCAs: s.clients.pool}
	if s.mutual {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config
}

// afterRequest serves connections whose TLS is in order up to a whole request.
func (s *scene) afterRequest(then func(e *endpoint, c *tls.Conn, nth int)) *endpoint {
	config := s.config()
	return listen(s, func(e *endpoint, raw net.Conn, nth int) {
		c := tls.Server(raw, config)
		if readRequest(c) {
			then(e, c, nth)
		}
	})
}
