package edge

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// DefaultMaxBody is the cap on a request body, compressed and inflated, where no setting says otherwise: 1 MiB, in octets.
const DefaultMaxBody = 1 << 20

// What ReadBody can find wrong with a body before anybody looks into it. A surface tells them apart with errors.Is and
// answers in its own protocol.
var (
	// ErrBodyTooLarge: over the cap as sent or once inflated (413).
	ErrBodyTooLarge = errors.New("the body is too large")
	// ErrEncodingUnsupported: a Content-Encoding other than gzip or identity (415; Kiota then sends the body again plain).
	ErrEncodingUnsupported = errors.New("the content encoding is not supported")
	// ErrBodyUnreadable: broken gzip, or the client went away (400).
	ErrBodyUnreadable = errors.New("the body cannot be read")
)

// ReadBody reads a request body whole: gunzipped where Content-Encoding says so, never more than the Exchange's limits
// allow, whatever Content-Length claims. Chunked bodies are as good as any.
func ReadBody(r *http.Request) ([]byte, error) {
	limit := From(r.Context()).limits
	if r.ContentLength > limit.body {
		if r.Header.Get("Expect") == "" { // else it waits to be told, and to read would be to say yes (RFC 9110 section 10.1.1)
			drain(r, limit.body)
		}
		return nil, ErrBodyTooLarge
	}
	var encoding string
	switch encoding = strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity", "gzip":
	default:
		return nil, ErrEncodingUnsupported
	}
	raw, err := readCapped(r.Body, limit.body)
	if errors.Is(err, ErrBodyTooLarge) {
		drain(r, limit.body)
	}
	if err != nil || encoding != "gzip" {
		return raw, err
	}
	zr, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, errors.Join(ErrBodyUnreadable, err)
	}
	return readCapped(zr, limit.inflated)
}

// drained is how many times the cap of a refused body is taken in and thrown away. Somebody who is answered while still
// sending may never see the answer: the connection is reset under what it sends, and Python's httpx then reports that
// instead of the 413.
const drained = 8

func drain(r *http.Request, limit int64) {
	_, _ = io.CopyN(io.Discard, r.Body, drained*limit) // whatever it ends with, the answer is 413
}

func readCapped(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, errors.Join(ErrBodyUnreadable, err)
	case int64(len(body)) > limit:
		return nil, ErrBodyTooLarge
	}
	return body, nil
}

// Bearer returns the token of the Authorization header (RFC 6750 section 2.1). An absent or empty one is the error that
// Graph words "Access token is empty."
func Bearer(h http.Header) (string, error) {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", apiconn.Errorf(apiconn.Unauthenticated, "Access token is empty.")
	}
	return token, nil
}
