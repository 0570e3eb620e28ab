package custody

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/internal/seal"
)

func mustKey(t *testing.T) seal.MasterKey {
	t.Helper()
	key, err := seal.GenerateMasterKey(seal.Production)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// nowhere is a service that is never asked.
func nowhere(t *testing.T) *Service {
	t.Helper()
	s, err := Open("hcvault://127.0.0.1:1/transit/keys/k", Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPlainKeyFromFileOrEnvironment(t *testing.T) {
	t.Parallel()
	key := mustKey(t)
	file := Source{File: "k", Read: func(string) ([]byte, error) { return []byte(key.Text() + "\n"), nil }}
	environment := Source{Text: key.Text(), Variable: "V", File: "k", Read: func(string) ([]byte, error) {
		t.Error("the file was read")
		return nil, nil
	}}
	for name, s := range map[string]Source{"file": file, "environment": environment} {
		if got, err := s.MasterKey(t.Context()); err != nil || got.Text() != key.Text() {
			t.Errorf("%s: another key, error %v", name, err)
		}
	}
}

// TestSourceRefuses: what is wrong with a text or a setting is one line without the text, and does not pass by itself.
func TestSourceRefuses(t *testing.T) {
	t.Parallel()
	key := mustKey(t)
	encoded := strings.TrimPrefix(key.Text(), "patchbay-master-key:")
	for name, tc := range map[string]struct {
		text    string
		service *Service
		want    string
	}{
		"plain, with a service":            {key.Text(), nowhere(t), "not wrapped, but master_key_kms names a service"},
		"wrapped, without a service":       {wrappedPrefix + encoded, nil, "is wrapped; set master_key_kms"},
		"wrapped, not base64":              {wrappedPrefix + "%" + encoded, nowhere(t), "this is not a wrapped master key"},
		"wrapped, empty":                   {wrappedPrefix, nowhere(t), "this is not a wrapped master key"},
		"wrapped, stray bits":              {wrappedPrefix + "QR==", nowhere(t), "this is not a wrapped master key"},
		"another prefix":                   {"patchbay-key:" + encoded, nil, "this is not a master key"},
		"another prefix, with a service":   {"patchbay-key:" + encoded, nowhere(t), "this is not a master key"},
		"nothing":                          {" ", nil, "this is not a master key"},
		"a wrapped one behind a plain one": {key.Text() + "\n" + wrappedPrefix + encoded, nil, "this is not a master key"},
	} {
		for place, s := range map[string]Source{
			"VARIABLE": {Text: tc.text, Variable: "VARIABLE", Service: tc.service},
			"the master key file somewhere": {
				File: "somewhere", Service: tc.service, Read: func(string) ([]byte, error) { return []byte(tc.text), nil },
			},
		} {
			_, err := s.MasterKey(t.Context())
			if err == nil || ReasonOf(err) != "" || !strings.HasPrefix(err.Error(), place+": ") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s, %s: %v (%s)", name, place, err, ReasonOf(err))
			}
			if err != nil && (strings.Contains(err.Error(), encoded[4:20]) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s, %s: the error quotes the key or has several lines", name, place)
			}
		}
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	missing := Source{File: "k", Read: func(string) ([]byte, error) { return nil, fmt.Errorf("open: %w", fs.ErrNotExist) }}
	_, err := missing.MasterKey(t.Context())
	if !errors.Is(err, ErrNoKey) || ReasonOf(err) != ReasonNoKey || !strings.Contains(err.Error(), "there is no master key at k") {
		t.Errorf("no file: %v (%s)", err, ReasonOf(err))
	}
	denied := errors.New("may be read by others")
	unreadable := Source{File: "k", Read: func(string) ([]byte, error) { return nil, denied }}
	if _, err := unreadable.MasterKey(t.Context()); !errors.Is(err, denied) || ReasonOf(err) != "" {
		t.Errorf("a file that is refused: %v (%s)", err, ReasonOf(err))
	}
	if ReasonOf(nil) != "" {
		t.Error("no error has a reason")
	}
}

func TestTextWithoutService(t *testing.T) {
	t.Parallel()
	key := mustKey(t)
	if text, err := Text(t.Context(), key, nil); err != nil || text != key.Text() {
		t.Errorf("another text, error %v", err)
	}
	if _, err := Text(t.Context(), seal.MasterKey{}, nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("no key: %v", err)
	}
	if !IsWrapped("\n "+wrappedPrefix+base64.StdEncoding.EncodeToString([]byte("x"))) || IsWrapped(key.Text()) {
		t.Error("wrapped and plain are not told apart")
	}
}
