package custody

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/patchbay/patchbay/internal/seal"
)

// wrappedPrefix begins the one-line text of a wrapped master key; the base64 of the service's ciphertext follows.
const wrappedPrefix = "patchbay-wrapped-master-key:"

// Source is a place that the master key comes from.
type Source struct {
	Text     string   // from the environment; "": the file has it
	Variable string   // that Text came from, for errors
	File     string   // path
	Service  *Service // that opens a wrapped key; nil: the text is the key itself

	// Read returns the content of File and refuses one that others may read. A missing file is fs.ErrNotExist.
	Read func(path string) ([]byte, error)
}

// MasterKey returns the key. ErrNoKey and UnavailableError may pass; any other error is one line about what is wrong with the
// text or the settings, and never quotes the text.
func (s Source) MasterKey(ctx context.Context) (seal.MasterKey, error) {
	text, err := s.text()
	if err != nil {
		return seal.MasterKey{}, err
	}
	if IsWrapped(text) {
		return s.unwrapped(ctx, text)
	}
	key, err := seal.ParseMasterKey(text)
	if err != nil {
		return seal.MasterKey{}, fmt.Errorf("%s: %w", s, err)
	}
	if s.Service != nil {
		return seal.MasterKey{}, fmt.Errorf("%s: the master key in it is not wrapped, but master_key_kms names a service; wrap it with `patchbay key wrap`, or take master_key_kms away", s)
	}
	return key, nil
}

// String names the place.
func (s Source) String() string {
	if s.Text != "" {
		return s.Variable
	}
	return "the master key file " + s.File
}

func (s Source) text() (string, error) {
	if s.Text != "" {
		return s.Text, nil
	}
	content, err := s.Read(s.File)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w at %s", ErrNoKey, s.File)
	}
	return string(content), err
}

// IsWrapped tells whether a text is meant for a wrapped master key.
func IsWrapped(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), wrappedPrefix) }

// unwrapped lets the service open text.
func (s Source) unwrapped(ctx context.Context, text string) (seal.MasterKey, error) {
	ciphertext, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(strings.TrimSpace(text), wrappedPrefix))
	if err != nil || len(ciphertext) == 0 {
		return seal.MasterKey{}, fmt.Errorf("%s: this is not a wrapped master key: expected one line, %q and base64", s, wrappedPrefix)
	}
	if s.Service == nil {
		return seal.MasterKey{}, fmt.Errorf("%s: the master key in it is wrapped; set master_key_kms to the key of the service that wrapped it", s)
	}
	plaintext, err := s.Service.decrypt(ctx, ciphertext)
	if err != nil {
		return seal.MasterKey{}, err
	}
	defer clear(plaintext)
	key, err := seal.ParseMasterKey(string(plaintext))
	if err != nil {
		return seal.MasterKey{}, fmt.Errorf("%s: what %s opened is no master key", s, s.Service)
	}
	return key, nil
}

// Text is the text that a file has for key: wrapped by service, or plain if there is none. What a service wraps it is
// asked to open at once, so that a text that could not be opened is never written.
func Text(ctx context.Context, key seal.MasterKey, service *Service) (string, error) {
	if key.IsZero() {
		return "", ErrNoKey
	}
	if service == nil {
		return key.Text(), nil
	}
	plaintext := []byte(key.Text())
	defer clear(plaintext)
	ciphertext, err := service.encrypt(ctx, plaintext)
	if err != nil {
		return "", err
	}
	text := wrappedPrefix + base64.StdEncoding.EncodeToString(ciphertext)
	opened, err := Source{Text: text, Variable: "the wrapped master key", Service: service}.MasterKey(ctx)
	if err != nil {
		return "", fmt.Errorf("open what was wrapped: %w", err)
	}
	if opened.Text() != key.Text() {
		return "", fmt.Errorf("%s opens another key than it wrapped", service)
	}
	return text, nil
}
