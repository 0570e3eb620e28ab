package target

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// The default messages, as a user would see them.
const (
	blockMessage   = "You cannot sign up here. Ask the help desk if you think that you should."
	invalidMessage = "Please correct what you typed."
)

// version is the member that every answer must have (runtime contract 5.3).
const version = "1.0.0"

func (e *exchange) proceed() {
	e.send(http.StatusOK, e.continued())
}

// continued is the answer Continue. Its claims depend on the request only, so that a call that comes twice gets one
// decision.
func (e *exchange) continued() map[string]any {
	answer := map[string]any{}
	if e.options.Claims != nil {
		maps.Copy(answer, e.options.Claims)
	} else {
		email, _ := e.claims["email"].(string)
		sum := sha256.Sum256([]byte(strings.ToLower(email)))
		answer["extension_LoyaltyId"] = "L-" + hex.EncodeToString(sum[:4])
		if name, ok := e.claims["displayName"].(string); ok {
			if trimmed := strings.Join(strings.Fields(name), " "); trimmed != name && trimmed != "" {
				answer["displayName"] = trimmed
			}
		}
	}
	answer["version"], answer["action"] = version, "Continue"
	return answer
}

func (e *exchange) block() {
	e.send(http.StatusOK, map[string]any{"version": version, "action": "ShowBlockPage", "userMessage": e.message(blockMessage)})
}

func (e *exchange) invalid() {
	const status = http.StatusBadRequest // in both places (runtime contract 5.3)
	e.send(status, map[string]any{"version": version, "status": status, "action": "ValidationError", "userMessage": e.message(invalidMessage)})
}

func (e *exchange) message(otherwise string) string {
	if e.options.Message != "" {
		return e.options.Message
	}
	return otherwise
}

func (e *exchange) slow() {
	if e.wait(seconds(e.number)) {
		e.proceed()
	}
}

func (e *exchange) compressed() {
	e.w.Header().Set("Content-Encoding", "gzip")
	e.action = "Continue"
	e.begin(http.StatusOK, "application/json")
	z := gzip.NewWriter(e.w)
	_, _ = z.Write([]byte(sampleContinue))
	_ = z.Close()
}

// raw answers status 200 with a body as it stands.
func raw(contentType, body string) func(*exchange) {
	return func(e *exchange) {
		e.begin(http.StatusOK, contentType)
		_, _ = e.w.Write([]byte(body))
	}
}

func (e *exchange) status() {
	status := statusOf(e.number)
	if status == http.StatusNoContent || status == http.StatusNotModified {
		e.begin(status, "application/json")
		return
	}
	e.send(status, map[string]any{"error": http.StatusText(status)})
}

func (e *exchange) throttle() {
	e.w.Header().Set("Retry-After", "1")
	e.send(http.StatusTooManyRequests, map[string]any{"error": http.StatusText(http.StatusTooManyRequests)})
}

func (e *exchange) redirect() {
	e.w.Header().Set("Location", "/redirected")
	e.send(http.StatusTemporaryRedirect, map[string]any{"error": "look elsewhere"})
}

// reset ends the connection by RST. Behind a bare handler, where the connection is not to be had, it is just closed.
func (e *exchange) reset() {
	conn, _ := e.r.Context().Value(connKey{}).(net.Conn)
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS would say goodbye first
		conn = wrapped.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	}
	panic(http.ErrAbortHandler)
}

// maxSeen bounds the memory of flaky.
const maxSeen = 1000

func (e *exchange) flaky() {
	id := e.r.Header.Get(invocationHeader)
	e.mu.Lock()
	first := !e.seen[id]
	if len(e.seen) >= maxSeen {
		clear(e.seen)
	}
	e.seen[id] = true
	e.mu.Unlock()
	if first {
		e.reset()
	}
	e.proceed()
}

func (e *exchange) moody() {
	e.mu.Lock()
	e.calls++
	odd := e.calls%2 == 1
	e.mu.Unlock()
	if odd {
		e.proceed()
		return
	}
	e.block()
}

func (e *exchange) cut() {
	e.w.Header().Set("Content-Length", strconv.Itoa(len(sampleContinue)))
	e.begin(http.StatusOK, "application/json")
	_, _ = e.w.Write([]byte(sampleContinue[:len(sampleContinue)/2]))
	_ = http.NewResponseController(e.w).Flush()
	panic(http.ErrAbortHandler)
}

func (e *exchange) bytes() {
	e.begin(http.StatusOK, "application/json")
	for i := range len(sampleContinue) {
		if !e.push(sampleContinue[i:i+1]) || !e.wait(e.options.Pace) {
			return
		}
	}
}

func (e *exchange) endless() {
	e.begin(http.StatusOK, "application/json")
	blanks := strings.Repeat(" ", 16<<10)
	for e.push(blanks) {
	}
}

// push sends text at once; false if nobody takes it any more.
func (e *exchange) push(text string) bool {
	if _, err := e.w.Write([]byte(text)); err != nil {
		return false
	}
	return http.NewResponseController(e.w).Flush() == nil && e.r.Context().Err() == nil
}

func (e *exchange) silent() {
	<-e.r.Context().Done()
}
