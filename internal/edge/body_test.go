package edge

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// zip is text in gzip, in one member for each text.
func zip(t *testing.T, texts ...string) string {
	t.Helper()
	var out bytes.Buffer
	for _, text := range texts {
		w := gzip.NewWriter(&out)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// brokenReader fails in the middle, as a client that goes away does.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestReadBody(t *testing.T) {
	t.Parallel()
	const limit, inflated = 100, 300
	full, fuller := strings.Repeat("x", limit), strings.Repeat("y", inflated)
	cases := map[string]struct {
		encoding, body string
		reader         io.Reader // instead of body
		length         int64     // what the client claims; 0: the truth
		want           string
		err            error
	}{
		"plain":                      {body: "hello", want: "hello"},
		"empty":                      {},
		"as large as may be":         {body: full, want: full},
		"one octet too large":        {body: full + "x", err: ErrBodyTooLarge},
		"claims to be too large":     {body: "x", length: limit + 1, err: ErrBodyTooLarge},
		"length not told":            {body: full, length: -1, want: full},
		"too large, length not told": {body: full + "x", length: -1, err: ErrBodyTooLarge},
		"identity":                   {encoding: "Identity", body: "hello", want: "hello"},
		"gzip":                       {encoding: "gzip", body: zip(t, "hello"), want: "hello"},
		"gzip in capitals":           {encoding: " GZIP ", body: zip(t, "hello"), want: "hello"},
		"inflates as far as it may":  {encoding: "gzip", body: zip(t, fuller), want: fuller},
		"inflates one octet further": {encoding: "gzip", body: zip(t, fuller+"y"), err: ErrBodyTooLarge},
		"a bomb in two members":      {encoding: "gzip", body: zip(t, fuller, fuller), err: ErrBodyTooLarge},
		"zipped it is too large":     {encoding: "gzip", body: zip(t, "hello") + full, err: ErrBodyTooLarge},
		"not gzip":                   {encoding: "gzip", body: "hello", err: ErrBodyUnreadable},
		"gzip of nothing at all":     {encoding: "gzip", body: "", err: ErrBodyUnreadable},
		"gzip cut short":             {encoding: "gzip", body: zip(t, "hello")[:20], err: ErrBodyUnreadable},
		"gzip with a wrong checksum": {encoding: "gzip", body: strings.Replace(zip(t, "hello"), "\x86\xa6\x10\x36", "\x86\xa6\x10\x37", 1), err: ErrBodyUnreadable},
		"garbage behind gzip":        {encoding: "gzip", body: zip(t, "hello") + "garbage", err: ErrBodyUnreadable},
		"deflate":                    {encoding: "deflate", body: "hello", err: ErrEncodingUnsupported},
		"gzip twice":                 {encoding: "gzip, gzip", body: zip(t, zip(t, "hello")), err: ErrEncodingUnsupported},
		"the client goes away":       {reader: brokenReader{}, length: -1, err: ErrBodyUnreadable},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reader := c.reader
			if reader == nil {
				reader = strings.NewReader(c.body)
			}
			r := httptest.NewRequest(http.MethodPatch, "/", reader)
			if c.length != 0 {
				r.ContentLength = c.length
			}
			if c.encoding != "" {
				r.Header.Set("Content-Encoding", c.encoding)
			}
			_, r = begin(r, Options{MaxBody: limit, MaxInflated: inflated}.withDefaults())
			got, err := ReadBody(r)
			if !errors.Is(err, c.err) || string(got) != c.want {
				t.Errorf("%q, %v; want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"Bearer abc": "abc", "bearer abc": "abc", "BEARER   abc ": "abc", "Bearer a b": "a b",
		"": "", "Bearer": "", "Bearer ": "", "Basic abc": "", "abc": "", "BearerX abc": "",
	} {
		token, err := Bearer(http.Header{"Authorization": {header}})
		if token != want || (want == "") != (apiconn.KindOf(err) == apiconn.Unauthenticated && err != nil) {
			t.Errorf("%q: %q, %v", header, token, err)
		}
	}
	if _, err := Bearer(http.Header{}); err == nil || err.Error() != "Access token is empty." {
		t.Errorf("no header: %v", err)
	}
}

// TestRefusedBodyIsTakenIn: who is refused is not cut off while it is sending, within a bound; who asked first is told at once.
func TestRefusedBodyIsTakenIn(t *testing.T) {
	t.Parallel()
	const limit = 100
	for name, tt := range map[string]struct {
		size   int
		length int64 // that the client claims
		expect string
		taken  int64
	}{
		"a length that is told":      {5 * limit, 5 * limit, "", 5 * limit},
		"a length that is not told":  {5 * limit, -1, "", 5 * limit},
		"far too large":              {100 * limit, 100 * limit, "", drained * limit},
		"far too large and not told": {100 * limit, -1, "", drained*limit + limit + 1},
		"asks before it sends":       {5 * limit, 5 * limit, "100-continue", 0},
	} {
		body := &countedReader{Reader: strings.NewReader(strings.Repeat("x", tt.size))}
		r := httptest.NewRequestWithContext(context.WithValue(t.Context(), exchangeKey{}, &Exchange{limits: limits{body: limit, inflated: limit}}),
			http.MethodPost, "/", body)
		r.ContentLength = tt.length
		r.Header.Set("Expect", tt.expect)
		if _, err := ReadBody(r); !errors.Is(err, ErrBodyTooLarge) || body.read != tt.taken {
			t.Errorf("%s: %v, %d octets taken in, want %d", name, err, body.read, tt.taken)
		}
	}
}

type countedReader struct {
	io.Reader
	read int64
}

func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.read += int64(n)
	return n, err
}
