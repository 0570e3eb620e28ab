package conformance

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// target is the endpoint of a connector's owner, over TLS with a certificate that nobody else trusts. It answers what the
// check that runs has set, and remembers what it was asked.
type target struct {
	server *httptest.Server
	roots  string // PEM

	mutex  sync.Mutex
	answer func(claims map[string]any) (status int, body string)
	asked  []asked
}

// asked is a request that the target got.
type asked struct {
	username, password, invocation string
	claims                         map[string]any
}

func startTarget(t *testing.T) *target {
	t.Helper()
	s := &target{}
	s.server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	s.roots = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw}))
	return s
}

func (s *target) serve(w http.ResponseWriter, r *http.Request) {
	request := asked{invocation: r.Header.Get("Patchbay-Invocation-Id")}
	request.username, request.password, _ = r.BasicAuth()
	if err := json.NewDecoder(r.Body).Decode(&request.claims); err != nil {
		http.Error(w, err.Error(), http.StatusUnsupportedMediaType)
		return
	}
	s.mutex.Lock()
	s.asked = append(s.asked, request)
	status, body := s.answer(request.claims)
	s.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// answers sets what the target answers from now on, and forgets what it was asked before.
func (s *target) answers(answer func(claims map[string]any) (status int, body string)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.answer, s.asked = answer, nil
}

// always is an answer that does not depend on the claims.
func always(status int, body string) func(map[string]any) (int, string) {
	return func(map[string]any) (int, string) { return status, body }
}

// requests are those that came since the answer was set.
func (s *target) requests() []asked {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]asked(nil), s.asked...)
}

// tunnel passes TCP connections on to Patchbay, and can cut one at once or when Patchbay's answer comes back.
type tunnel struct {
	listener net.Listener
	to       string

	mutex sync.Mutex
	cut   bool
	cuts  int
	open  map[net.Conn]bool
	next  chan struct{} // closed when another connection comes; nil if nobody waits for one
}

func startTunnel(t *testing.T, to string) *tunnel {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &tunnel{listener: listener, to: to, open: map[net.Conn]bool{}}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			s.opened(from)
			connections.Go(func() {
				s.pass(from)
				s.closed(from)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		connections.Wait()
	})
	return s
}

// pass carries one connection until either side ends it, or it is cut.
func (s *tunnel) pass(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", s.to)
	if err != nil {
		return
	}
	defer to.Close()
	var there sync.WaitGroup
	there.Go(func() {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := to.Read(buffer)
		if err != nil || s.isCut() {
			break
		}
		if _, err := from.Write(buffer[:n]); err != nil {
			break
		}
	}
	_ = from.Close()
	_ = to.Close()
	there.Wait()
}

// cutNext has the connection over which Patchbay speaks next end before what it says arrives.
func (s *tunnel) cutNext() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.cut = true
}

func (s *tunnel) isCut() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.cut {
		return false
	}
	s.cut = false
	s.cuts++
	return true
}

// cutNow ends every connection that is open, and returns what is closed when another one comes.
func (s *tunnel) cutNow() (another <-chan struct{}) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for connection := range s.open {
		_ = connection.Close()
	}
	s.next = make(chan struct{})
	return s.next
}

func (s *tunnel) opened(connection net.Conn) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.open[connection] = true
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}

func (s *tunnel) closed(connection net.Conn) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.open, connection)
}

// howOften tells how many connections were cut when an answer came back.
func (s *tunnel) howOften() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.cuts
}

func (s *tunnel) port() string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	return port
}
