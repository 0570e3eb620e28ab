package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// knownKey has bytes that are easy to find again in any form that a formatter could give them.
var knownKey = bytes.Repeat([]byte{0xA7}, masterKeyBytes)

func mustMaster(t testing.TB, p Purpose) MasterKey {
	t.Helper()
	k, err := GenerateMasterKey(p)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestMasterKeyTextComesBack(t *testing.T) {
	t.Parallel()
	for p, prefix := range filePrefixes {
		k := mustMaster(t, p)
		if !strings.HasPrefix(k.Text(), prefix) {
			t.Errorf("purpose %d: the text does not begin with %q", p, prefix)
		}
		again, err := ParseMasterKey("  " + k.Text() + "\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if again.Text() != k.Text() || again.Development() != (p == Development) {
			t.Errorf("purpose %d: the key read back is another one", p)
		}
	}
}

func TestGeneratedMasterKeysDiffer(t *testing.T) {
	t.Parallel()
	one, two := mustMaster(t, Production), mustMaster(t, Production)
	if one.Text() == two.Text() {
		t.Error("two generated keys are equal")
	}
}

func TestParseMasterKeyRefuses(t *testing.T) {
	t.Parallel()
	full := base64.StdEncoding.EncodeToString(knownKey)
	for name, text := range map[string]string{
		"nothing":        "",
		"no prefix":      full,
		"another prefix": "patchbay-key:" + full,
		"no value":       "patchbay-master-key:",
		"too short":      "patchbay-master-key:" + base64.StdEncoding.EncodeToString(knownKey[1:]),
		"too long":       "patchbay-master-key:" + base64.StdEncoding.EncodeToString(append(knownKey[:32:32], 1)),
		"not base64":     "patchbay-master-key:" + strings.Replace(full, "p", "!", 1),
		"unpadded":       "patchbay-master-key:" + strings.TrimRight(full, "="),
		"stray bits":     "patchbay-master-key:" + full[:42] + "d=",
		"two lines":      "patchbay-master-key:" + full + "\npatchbay-master-key:" + full,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseMasterKey(text)
			if !errors.Is(err, ErrMasterKeyText) {
				t.Fatalf("got error %v, want ErrMasterKeyText", err)
			}
			if len(text) > 30 && strings.Contains(err.Error(), text[22:30]) {
				t.Error("the error quotes the key")
			}
		})
	}
}

// TestMasterKeyMasksItself prints the key and structs around it in every way and looks for its bytes in every form.
func TestMasterKeyMasksItself(t *testing.T) {
	t.Parallel()
	k, err := newMasterKey([masterKeyBytes]byte(knownKey), Production)
	if err != nil {
		t.Fatal(err)
	}
	type hidden struct{ inner MasterKey }
	type shown struct{ Inner MasterKey }
	var out strings.Builder
	for _, v := range []any{k, &k, hidden{k}, &hidden{k}, shown{k}, []MasterKey{k}, map[string]MasterKey{"k": k}, NewKeys(k, nil), NewKeys(k, nil).Sealer()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("key", "key", k, "around", shown{k}, "hidden", hidden{k})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "key", k, "around", shown{k}, "hidden", hidden{k})
	encoded, err := json.Marshal(map[string]any{"key": k, "around": shown{k}})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	for form, needle := range map[string]string{
		"base64":  base64.StdEncoding.EncodeToString(knownKey)[:12],
		"hex":     "a7a7a7",
		"HEX":     "A7A7A7",
		"decimal": "167 167",
		"go":      "0xa7, 0xa7",
		"octal":   "247 247",
		"binary":  "10100111 10100111",
		"raw":     "\xa7\xa7\xa7",
		"unicode": "U+00A7 U+00A7",
		"char":    "§ §",
	} {
		if strings.Contains(out.String(), needle) {
			t.Errorf("the key shows in its %s form", form)
		}
	}
	if !strings.Contains(out.String(), masked) {
		t.Error("nothing is masked: the test prints nothing")
	}
}

func TestZeroMasterKey(t *testing.T) {
	t.Parallel()
	var k MasterKey
	if !k.IsZero() || k.Development() || k.Text() != "" || fmt.Sprint(k) != masked {
		t.Error("the zero key is not a masked nothing")
	}
	ring, err := NewRing()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Wrap(k); err == nil {
		t.Error("the zero key wraps")
	}
	if _, err := OpenRing(k, []byte("x")); !errors.Is(err, ErrRing) {
		t.Errorf("opening with the zero key: %v", err)
	}
}
