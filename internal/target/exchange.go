package target

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
)

// maxBody is how much of a request is read, in octets. Nothing that the contract sends comes near it.
const maxBody = 1 << 20

// invocationHeader is the header with Patchbay's id of the call, the same on every attempt.
const invocationHeader = "Patchbay-Invocation-Id"

// exchange is one call and its answer.
type exchange struct {
	*Target
	w      http.ResponseWriter
	r      *http.Request
	claims map[string]any
	number int // behind the prefix of the email, -1 if there is none

	behaviour string // what was done, for the line
	action    string // that was answered
	code      int    // the status that was sent, 0 if none was
}

// ServeHTTP treats one call and prints its line.
func (t *Target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := &exchange{Target: t, w: w, r: r, number: -1}
	defer e.print() // also when a behaviour ends the connection by a panic
	if refusal := t.options.refusal(r); refusal != "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="target", charset="UTF-8"`)
		e.refuse(http.StatusUnauthorized, refusal)
		return
	}
	if !e.read() {
		return
	}
	behaviour := t.answer
	if !t.options.IgnoreEmail {
		email, _ := e.claims["email"].(string)
		if b, number, ok := asked(email); ok {
			behaviour, e.number = b, number
		}
	}
	e.behaviour = behaviour.Name
	if e.wait(t.options.Delay) {
		behaviour.serve(e)
	}
}

// read takes the claims in, or refuses what is no call of the contract's form.
func (e *exchange) read() bool {
	careless := e.options.Careless
	if e.r.Method != http.MethodPost && !careless {
		e.w.Header().Set("Allow", http.MethodPost)
		e.refuse(http.StatusMethodNotAllowed, "wrong method")
		return false
	}
	if media, _, err := mime.ParseMediaType(e.r.Header.Get("Content-Type")); (err != nil || media != "application/json") && !careless {
		e.refuse(http.StatusUnsupportedMediaType, "wrong media type")
		return false
	}
	body, err := io.ReadAll(http.MaxBytesReader(e.w, e.r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		e.refuse(http.StatusRequestEntityTooLarge, "body too large")
		return false
	case err != nil:
		e.refuse(http.StatusBadRequest, "body cut short")
		return false
	}
	if e.claims, err = parse(body); err != nil && !careless {
		e.refuse(http.StatusBadRequest, "body is no JSON object")
		return false
	}
	return true
}

// parse reads one JSON object, keeping numbers as they are written.
func parse(body []byte) (claims map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&claims); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	if claims == nil {
		return nil, errors.New("the body is null")
	}
	return claims, nil
}

// refuse answers something that is no call.
func (e *exchange) refuse(status int, why string) {
	e.behaviour = "refused (" + why + ")"
	e.send(status, map[string]any{"error": why})
}

// send answers with a JSON object.
func (e *exchange) send(status int, body map[string]any) {
	text, err := json.Marshal(body)
	if err != nil { // claims are strings, bools and integers
		http.Error(e.w, "the answer cannot be written", http.StatusInternalServerError)
		return
	}
	e.action, _ = body["action"].(string)
	e.begin(status, "application/json")
	_, _ = e.w.Write(append(text, '\n')) // a caller that has gone misses nothing
}

// begin sends the status and the headers.
func (e *exchange) begin(status int, contentType string) {
	e.code = status
	e.w.Header().Set("Content-Type", contentType)
	e.w.WriteHeader(status)
}

// wait lets d pass; false if the caller went away meanwhile.
func (e *exchange) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-e.r.Context().Done():
		return false
	}
}
