package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// encode is one part of a hand-made token.
func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// headerOf decodes the header of a token.
func headerOf(t testing.TB, token string) map[string]any {
	t.Helper()
	return decodePart(t, strings.Split(token, ".")[0])
}

func decodePart(t testing.TB, part string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func kidOf(t testing.TB, token string) string {
	t.Helper()
	kid, _ := headerOf(t, token)["kid"].(string)
	return kid
}

// strayBits changes the bits at the end of a token that a lenient base64 decoder passes over: the same signature in
// another spelling.
func strayBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last^1])
}
