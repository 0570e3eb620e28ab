package credential

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// canary is looked for in everything that is printed, in every spelling in which a verb could print it.
const canary = "Canary~97"

// spellings are the ways in which fmt and the encoders print the octets of canary.
func spellings() []string {
	octets := []byte(canary)
	return []string{
		canary, canary[:6],
		fmt.Sprintf("%x", octets), fmt.Sprintf("%X", octets), fmt.Sprintf("% x", octets), fmt.Sprintf("%#x", octets),
		strings.Trim(fmt.Sprintf("%d", octets), "[]"), strings.Trim(fmt.Sprintf("%o", octets), "[]"), strings.Trim(fmt.Sprintf("%b", octets), "[]"),
		strings.Trim(fmt.Sprintf("%c", octets), "[]"), strings.Trim(fmt.Sprintf("%U", octets), "[]"), strings.Trim(fmt.Sprintf("%#v", octets), "[]byte{}"),
		"Q2FuYXJ5", // base64
	}
}

// leaks returns the spelling of canary that text holds, or "".
func leaks(text string) string {
	for _, s := range spellings() {
		if strings.Contains(text, s) {
			return s
		}
	}
	return ""
}

type inField struct {
	Exported Secret
	hidden   Secret
	pointer  *Secret
	list     []Secret
	byName   map[string]Secret
	any      any
	inner    struct{ deep Secret }
}

// holders are all the places in which a secret may lie when something is printed.
func holders() []any {
	s := NewSecret(canary)
	f := inField{Exported: s, hidden: s, pointer: &s, list: []Secret{s}, byName: map[string]Secret{"k": s}, any: s}
	f.inner.deep = s
	change := Change{Type: typeBasic, Secrets: map[string]Secret{"password": s}, Certificate: &NewCertificate{Stored: s}}
	given := Given{Type: typeBasic, Members: map[string]any{"password": canary, "list": []any{canary}}}
	return []any{
		s, &s,
		[]Secret{s},
		[1]Secret{s},
		map[string]Secret{"k": s},
		map[int]*Secret{1: &s},
		f, &f,
		[]any{f},
		struct{ any }{s},
		change, &change, *change.Certificate, given, &given,
		[]Given{given},
		struct{ Given Given }{given},
	}
}

func TestSecretIsMaskedByEveryVerb(t *testing.T) {
	t.Parallel()
	for i, holder := range holders() {
		for verb := rune('!'); verb <= '~'; verb++ {
			if (verb == 'p' || verb == 'w') && strings.Contains(fmt.Sprintf("%T", holder), "Given") {
				continue // a mistake that go vet finds: fmt then asks no method and prints the plain members of a Given
			}
			for _, flags := range []string{"", "+", "#", " ", "0", "-", "20", ".3", "+#"} {
				format := "%" + flags + string(verb)
				if s := leaks(fmt.Sprintf(format, holder)); s != "" {
					t.Fatalf("%s of holder %d (%T) prints the secret", format, i, holder)
				}
			}
		}
		if s := leaks(fmt.Sprint(holder) + fmt.Sprintln(holder)); s != "" {
			t.Errorf("Print of holder %d (%T) prints the secret", i, holder)
		}
	}
	if got := fmt.Sprintf("%v %s %d %#v", NewSecret(canary), NewSecret(canary), NewSecret(canary), NewSecret(canary)); got != "****** ****** ****** ******" {
		t.Errorf("got %s", got)
	}
}

func TestSecretIsMaskedByEncodersAndLogs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for i, holder := range holders() {
		out.Reset()
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "holder", holder)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "holder", holder)
		text, err := json.Marshal(holder)
		fmt.Fprintln(&out, string(text), err)
		text, err = xml.Marshal(holder)
		fmt.Fprintln(&out, string(text), err)
		if leaks(out.String()) != "" {
			t.Errorf("an encoder or log handler prints the secret in holder %d (%T)", i, holder)
		}
	}
	text, err := json.Marshal(map[string]Secret{"password": NewSecret(canary)})
	if err != nil || string(text) != `{"password":"******"}` {
		t.Errorf("JSON: %s, %v", text, err)
	}
	if diff := cmp.Diff(inField{hidden: NewSecret(canary)}, inField{hidden: NewSecret("other")}, cmp.AllowUnexported(inField{}, struct{ deep Secret }{})); diff == "" || leaks(diff) != "" {
		t.Error("go-cmp sees no difference, or prints the secret")
	}
}

func TestSecretKeepsItsValue(t *testing.T) {
	t.Parallel()
	source := []byte(canary)
	s := NewSecret(source)
	source[0] = 'X'
	s.Reveal()[1] = 'X'
	if string(s.Reveal()) != canary {
		t.Error("the value was changed from outside")
	}
	var zero Secret
	if !zero.Empty() || s.Empty() || zero.Reveal() != nil || zero.String() != Mask {
		t.Error("the zero Secret is not the empty one")
	}
	if !s.Equal(NewSecret(canary)) || s.Equal(zero) || s.Equal(NewSecret("other")) {
		t.Error("Equal does not compare values")
	}
}
