package graph_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// canary is a secret that must not be found where secrets do not belong.
type canary struct {
	what string
	core []byte // the part that is looked for
}

// aviary makes canaries and looks for them.
type aviary struct {
	t    testing.TB
	kept []canary
}

// text makes a secret of letters and digits between characters that JSON, URLs and HTML escape: its core reads the same
// in all of those, so that looking for the core finds every such form.
func (a *aviary) text(what string) string {
	core := rand.Text()
	a.kept = append(a.kept, canary{what, []byte(core)})
	return `<"` + core + `&\'é>`
}

// plain makes a secret of letters and digits only.
func (a *aviary) plain(what string) string {
	core := rand.Text()
	a.kept = append(a.kept, canary{what, []byte(core)})
	return core
}

// keep adds a secret that is there already.
func (a *aviary) keep(what string, core []byte) {
	if len(core) < 16 {
		a.t.Fatalf("%s is too short to look for", what)
	}
	a.kept = append(a.kept, canary{what, core})
}

// absent reports every canary that is in a place, in whatever spelling.
func (a *aviary) absent(place string, text []byte) {
	a.t.Helper()
	for _, found := range a.find(text) {
		a.t.Errorf("%s holds %s", place, found)
	}
}

// find lists what of the canaries is in text and how it is spelled. It never returns a canary itself.
func (a *aviary) find(text []byte) []string {
	folded := bytes.ToLower(text)
	var found []string
	for i, c := range a.kept {
		for spelling, forms := range spellings(c.core) {
			in := text
			if spelling == "hex" {
				in = folded
			}
			for _, form := range forms {
				if bytes.Contains(in, form) {
					found = append(found, fmt.Sprintf("%s (canary %d) as %s", c.what, i, spelling))
				}
			}
		}
	}
	return found
}

// spellings are the forms in which octets may stand in a text: as they are, in hex, and in base64 wherever a longer text
// may have begun.
func spellings(core []byte) map[string][][]byte {
	forms := map[string][][]byte{"is": {core}, "hex": {[]byte(hex.EncodeToString(core))}}
	var codes [][]byte
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for lead := range 3 {
			code := encoding.EncodeToString(append(make([]byte, lead), core...))
			first := (lead*8 + 5) / 6 // characters that the octets before have a part in
			codes = append(codes, []byte(strings.TrimRight(code, "=")[first:len(strings.TrimRight(code, "="))-1]))
		}
	}
	forms["base64"] = codes
	return forms
}

// TestCanariesAreFound: what the leak test relies on.
func TestCanariesAreFound(t *testing.T) {
	t.Parallel()
	a := &aviary{t: t}
	secret := a.text("a password")
	core := a.kept[0].core
	for name, text := range map[string]string{
		"as it is":         "x" + secret + "y",
		"in JSON":          fmt.Sprintf(`{"password":%q}`, secret),
		"in hex":           hex.EncodeToString([]byte("before" + secret + "after")),
		"in capitals":      strings.ToUpper(hex.EncodeToString(core)),
		"base64":           base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 after one": base64.StdEncoding.EncodeToString([]byte("u:" + secret + "!")),
		"base64url":        base64.RawURLEncoding.EncodeToString([]byte("user:" + secret)),
	} {
		if len(a.find([]byte(text))) == 0 {
			t.Errorf("%s it is not found", name)
		}
	}
	if found := a.find([]byte(rand.Text() + rand.Text())); found != nil {
		t.Errorf("found where it is not: %v", found)
	}
}
