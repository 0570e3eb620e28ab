package outbound

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// says is a target that answers every request with octets as they stand and then holds or ends the connection.
func says(octets string, then func(e *endpoint)) func(*scene) string {
	return func(s *scene) string {
		return s.afterRequest(func(e *endpoint, c *tls.Conn, _ int) {
			_, _ = io.WriteString(c, octets)
			if then != nil {
				then(e)
			}
		}).url()
	}
}

// answers is a target that answers by handlers in order, the last one for ever.
func answers(h2 bool, handlers ...http.HandlerFunc) func(*scene) string {
	return func(s *scene) string {
		var nth int
		return serveHTTP(s, s.config(), h2, func(w http.ResponseWriter, r *http.Request) { // one request at a time
			h := handlers[min(nth, len(handlers)-1)]
			nth++
			h(w, r)
		}).URL + "/check?code=canary-query-77"
	}
}

func zipped(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}

func encoded(encoding string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", encoding)
		_, _ = w.Write(body)
	}
}

func unavailable(status int, retryAfter func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", retryAfter())
		w.WriteHeader(status)
	}
}

func answerBehaviours() []behaviour {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	hold := (*endpoint).hold
	body := func(want string) func(*scene, Result) {
		return func(s *scene, r Result) {
			if string(r.Body) != want || r.Attempts[len(r.Attempts)-1].Octets != int64(len(want)) {
				s.complain("body of %d octets, %d in the receipt", len(r.Body), r.Attempts[len(r.Attempts)-1].Octets)
			}
		}
	}
	return []behaviour{
		{name: "an answer", play: answers(false, answerOK), check: body(`{"version":"1.0.0","action":"Continue"}`)},
		{name: "an answer over HTTP/2", play: answers(true, answerOK), check: body(`{"version":"1.0.0","action":"Continue"}`)},
		{name: "no content", status: 204, play: answers(false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })},
		{name: "garbage instead of HTTP", reason: apiconn.ReasonAnswerNotHTTP, play: says("\x00\x01\x02 garbage\r\n\r\n", nil)},
		{name: "header line without a colon", reason: apiconn.ReasonAnswerNotHTTP, play: says("HTTP/1.1 200 OK\r\nContent-Ty\r\n\r\n", hold)},
		{name: "the request sent back", reason: apiconn.ReasonAnswerNotHTTP, play: func(s *scene) string {
			config := s.config()
			return listen(s, func(_ *endpoint, raw net.Conn, _ int) {
				c := tls.Server(raw, config)
				_, _ = io.Copy(c, c)
			}).url()
		}},
		{name: "one octet of the header at a time", reason: apiconn.ReasonAnswerTimeout, budget: hangs, play: func(s *scene) string {
			return s.afterRequest(func(e *endpoint, c *tls.Conn, _ int) { e.drip(c, head+"X: "+strings.Repeat("a", 999)) }).url()
		}},
		{name: "one octet of the body at a time", reason: apiconn.ReasonAnswerBodyTimeout, status: 200, budget: hangs, play: func(s *scene) string {
			return s.afterRequest(func(e *endpoint, c *tls.Conn, _ int) {
				_, _ = io.WriteString(c, head+"Content-Length: 999\r\n\r\n")
				e.drip(c, "{")
			}).url()
		}},
		{name: "body without end", reason: apiconn.ReasonAnswerTooLarge, status: 200, play: answers(false, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 4096))
			}
		})},
		{name: "body without end over HTTP/2", reason: apiconn.ReasonAnswerTooLarge, status: 200, play: answers(true, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 4096))
			}
		})},
		{name: "body announced too large", reason: apiconn.ReasonAnswerTooLarge, status: 200, play: says(head+"Content-Length: 65537\r\n\r\n", hold)},
		{name: "body of the greatest size", play: answers(false, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte("a"), 64<<10))
		}), check: body(strings.Repeat("a", 64<<10))},
		{name: "body that stops", reason: apiconn.ReasonAnswerBodyTimeout, status: 200, budget: hangs, play: says(head+"Content-Length: 20\r\n\r\n{\"version\":", hold)},
		{name: "body that is cut short", reason: apiconn.ReasonAnswerCutShort, status: 200, play: says(head+"Content-Length: 20\r\n\r\n{\"version\":", nil)},
		{name: "chunked body that is cut short", reason: apiconn.ReasonAnswerCutShort, status: 200, play: says(head+"Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n", nil)},
		{name: "reset within the body", reason: apiconn.ReasonAnswerCutShort, status: 200, play: func(s *scene) string {
			return s.afterRequest(func(_ *endpoint, c *tls.Conn, _ int) {
				_, _ = io.WriteString(c, head+"Content-Length: 20\r\n\r\n{\"version\":")
				reset(c)
			}).url()
		}},
		{name: "reset within the body over HTTP/2", reason: apiconn.ReasonAnswerCutShort, status: 200, play: answers(true, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"version":`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})},
		{name: "stream reset over HTTP/2", reason: apiconn.ReasonConnectionReset, attempts: 2, play: answers(true, func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		})},
		{name: "redirect", status: 307, play: func(s *scene) string {
			canary := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.Error("the redirect was followed") }))
			s.Cleanup(canary.Close)
			return answers(false, http.RedirectHandler(canary.URL, http.StatusTemporaryRedirect).ServeHTTP)(s)
		}},
		{name: "huge headers", reason: apiconn.ReasonAnswerHeadersTooLarge, play: says(head+strings.Repeat("X-Filler: "+strings.Repeat("a", 1000)+"\r\n", 70)+"\r\n{}", hold)},
		{name: "huge headers over HTTP/2", reason: apiconn.ReasonAnswerHeadersTooLarge, play: answers(true, func(w http.ResponseWriter, _ *http.Request) {
			for n := range 70 {
				w.Header().Set(fmt.Sprint("X-Filler-", n), strings.Repeat("a", 1000))
			}
		})},
		{name: "endless headers", reason: apiconn.ReasonAnswerHeadersTooLarge, play: func(s *scene) string {
			return s.afterRequest(func(_ *endpoint, c *tls.Conn, _ int) {
				_, _ = io.WriteString(c, head)
				for {
					if _, err := io.WriteString(c, "X: "+strings.Repeat("a", 4000)+"\r\n"); err != nil {
						return
					}
				}
			}).url()
		}},
		{name: "gzip", play: answers(false, encoded("gzip", zipped([]byte("{}")))), check: body("{}")},
		{name: "x-gzip", play: answers(true, encoded("X-GZip", zipped([]byte("{}")))), check: body("{}")},
		{name: "gzip of nothing", play: answers(false, encoded("gzip", nil))},
		{name: "gzip bomb", reason: apiconn.ReasonAnswerTooLarge, status: 200, play: answers(false, encoded("gzip", zipped(make([]byte, 8<<20))))},
		{name: "gzip of nothing without end", reason: apiconn.ReasonAnswerTooLarge, status: 200, play: answers(false, encoded("gzip", bytes.Repeat(zipped(nil), 9000)))},
		{name: "broken gzip", reason: apiconn.ReasonAnswerEncodingBroken, status: 200, play: answers(false, encoded("gzip", []byte("{}")))},
		{name: "gzip that ends early", reason: apiconn.ReasonAnswerEncodingBroken, status: 200, play: answers(false, encoded("gzip", zipped([]byte(`{"version":"1.0.0"}`))[:20]))},
		{name: "gzip that is cut short", reason: apiconn.ReasonAnswerCutShort, status: 200, play: says(head+"Content-Encoding: gzip\r\nContent-Length: 99\r\n\r\n"+string(zipped([]byte(`{"version":"1.0.0"}`))[:20]), nil)},
		{name: "unknown encoding", reason: apiconn.ReasonAnswerEncodingUnknown, status: 200, play: answers(false, encoded("br", []byte("{}")))},
		{name: "encoded twice", reason: apiconn.ReasonAnswerEncodingUnknown, status: 200, play: answers(false, encoded("gzip, gzip", zipped(zipped([]byte("{}")))))},
		{name: "switches protocols", status: 101, play: says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", hold)},
		{name: "503 with Retry-After that fits", attempts: 2, budget: 3 * time.Second, early: time.Second, play: answers(false, unavailable(503, func() string { return "1" }), answerOK), check: func(s *scene, r Result) {
			if a := r.Attempts; a[0].Status != 503 || a[0].RetryAfter != time.Second || a[1].Started < time.Second {
				s.complain("%+v", a)
			}
		}},
		{name: "429 with a date that fits", attempts: 2, budget: 4 * time.Second, early: time.Second, play: answers(false, unavailable(429, func() string {
			return time.Now().UTC().Add(2 * time.Second).Format(http.TimeFormat)
		}), answerOK)},
		{name: "503 with Retry-After that does not fit", status: 503, play: answers(false, unavailable(503, func() string { return "3" }))},
		{name: "503 with Retry-After that cannot be read", status: 503, play: answers(false, unavailable(503, func() string { return "soon" }))},
		{name: "500 with Retry-After", status: 500, play: answers(false, unavailable(500, func() string { return "0" }))},
	}
}
