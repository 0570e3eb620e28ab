package target

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

// maxWord is how much of a word that the caller chose a line shows, in characters.
const maxWord = 200

// print writes the line of a call: what came, by whom and what was done. Queries, where API keys stand, credentials and,
// unless they are wanted, values are no part of it.
func (e *exchange) print() {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", e.options.Now().UTC().Format(time.RFC3339), word(e.r.Method), word(e.r.URL.Path))
	fmt.Fprintf(&b, " invocation=%s", word(e.r.Header.Get(invocationHeader)))
	if step, ok := e.claims["step"].(string); ok {
		fmt.Fprintf(&b, " step=%s", word(step))
	}
	fmt.Fprintf(&b, " claims=%s", e.claimsForPeople())
	fmt.Fprintf(&b, " certificate=%s", e.thumbprint())
	fmt.Fprintf(&b, " behaviour=%s", e.behaviour)
	if e.action != "" {
		fmt.Fprintf(&b, " action=%s", e.action)
	}
	if e.code != 0 {
		fmt.Fprintf(&b, " status=%d", e.code)
	}
	b.WriteString("\n")
	e.mu.Lock()
	defer e.mu.Unlock()
	_, _ = e.options.Out.Write([]byte(b.String())) // a closed terminal is no reason not to answer
}

// claimsForPeople are the names of the claims, or all of them as JSON.
func (e *exchange) claimsForPeople() string {
	if e.options.ShowValues && e.claims != nil {
		if text, err := json.Marshal(e.claims); err == nil { // JSON escapes control characters
			return string(text)
		}
	}
	names := slices.Sorted(maps.Keys(e.claims))
	for i := range names {
		names[i] = word(names[i])
	}
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ",")
}

// thumbprint names the client certificate as Graph does: the SHA-1 of its DER form in upper-case hex.
func (e *exchange) thumbprint() string {
	if e.r.TLS == nil || len(e.r.TLS.PeerCertificates) == 0 {
		return "-"
	}
	return fmt.Sprintf("%X", sha1.Sum(e.r.TLS.PeerCertificates[0].Raw))
}

// word makes text that a caller chose fit for a line: one word, printable, not too long.
func word(text string) string {
	if text == "" {
		return "-"
	}
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text))
	if len(runes) > maxWord {
		return string(runes[:maxWord]) + "…"
	}
	return string(runes)
}
