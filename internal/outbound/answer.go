package outbound

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// compressedOverhead is how much longer than its content the compressed form may be: gzip has headers and empty members
// without end that inflate to nothing.
const compressedOverhead = 64 << 10

// The faults of an answer's body.
var (
	errAnswerTooLarge  = errors.New("the body is larger than allowed")
	errEncodingUnknown = errors.New("the body's encoding is not one that was offered")
	errEncodingBroken  = errors.New("the body does not inflate")
	errBodyCutShort    = errors.New("the body ended before its end")
)

// readAnswer reads the body, inflates it if it is compressed and stops at limit octets. octets is how much was read,
// inflated, also on an error.
func readAnswer(resp *http.Response, limit int64) (body []byte, octets int64, err error) {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil, 0, nil // what follows is not HTTP and no answer
	}
	inflate, err := encodingOf(resp.Header)
	if err != nil {
		return nil, 0, err
	}
	if resp.ContentLength > limit+compressedOverhead || !inflate && resp.ContentLength > limit {
		return nil, 0, fmt.Errorf("%w: %d octets are announced, %d are allowed", errAnswerTooLarge, resp.ContentLength, limit)
	}
	wire := &wire{from: resp.Body, left: limit + compressedOverhead}
	var from io.Reader = wire
	if inflate {
		unzipped, err := gzip.NewReader(wire)
		if errors.Is(err, io.EOF) && wire.count == 0 {
			return nil, 0, nil // no content has no encoding
		}
		if err != nil {
			return nil, 0, wire.blame(err)
		}
		from = unzipped
	}
	var read bytes.Buffer
	n, err := io.Copy(&read, io.LimitReader(from, limit+1))
	switch {
	case n > limit:
		return nil, limit, fmt.Errorf("%w: %d octets are allowed", errAnswerTooLarge, limit)
	case err != nil:
		return nil, n, wire.blame(err)
	}
	return read.Bytes(), n, nil
}

// encodingOf tells whether a body is to be inflated. Only gzip is offered; x-gzip is its old name (RFC 9110 section 8.4.1.3).
func encodingOf(h http.Header) (inflate bool, err error) {
	for _, field := range h.Values("Content-Encoding") {
		for name := range strings.SplitSeq(field, ",") {
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "", "identity":
			case "gzip", "x-gzip":
				if inflate {
					return false, fmt.Errorf("%w: compressed twice", errEncodingUnknown)
				}
				inflate = true
			default:
				return false, errEncodingUnknown
			}
		}
	}
	return inflate, nil
}

// wire reads a body as it is transferred, no more than left octets of it, and remembers how that ended.
type wire struct {
	from  io.Reader
	left  int64
	count int64
	err   error
}

// Read is that of io.Reader.
func (w *wire) Read(b []byte) (int, error) {
	if w.left <= 0 {
		w.err = errAnswerTooLarge
		return 0, w.err
	}
	n, err := w.from.Read(b[:min(int64(len(b)), w.left)])
	w.count += int64(n)
	w.left -= int64(n)
	w.err = err
	return n, err
}

// blame says whose fault an error of reading is: that of the transfer if there is one, else that of the compression.
func (w *wire) blame(err error) error {
	switch {
	case w.err == nil || errors.Is(w.err, io.EOF):
		return fmt.Errorf("%w: %w", errEncodingBroken, err)
	case errors.Is(w.err, errAnswerTooLarge):
		return w.err
	}
	return fmt.Errorf("%w: %w", errBodyCutShort, w.err)
}
