package credential

import (
	"encoding/asn1"
	"errors"
	"fmt"
)

// Some tools (NSS, some of Java's) write PKCS#12 files in BER, of which encoding/asn1 reads the DER subset only. This
// file rewrites BER as DER as far as those files need it: indefinite lengths, lengths that are longer than necessary, and
// octet strings in pieces (X.690 sections 8.1.3 and 8.7).

// The most that a file may ask of the normaliser. A PKCS#12 file is about 12 deep and has a few hundred nodes.
const (
	maxBERDepth = 32
	maxBERNodes = 20_000
)

// errBER is what every failure of the normaliser wraps.
var errBER = errors.New("malformed BER")

// normalise rewrites one BER value as DER; trailing octets are an error. DER comes back unchanged. Values within octet
// strings are left as they are: they are normalised when they are read.
func normalise(ber []byte) ([]byte, error) {
	n := normaliser{budget: maxBERNodes}
	der, rest, err := n.value(ber, 0)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%w: %d octets after the value", errBER, len(rest))
	}
	return der, nil
}

// normaliser is one run of normalise.
type normaliser struct {
	budget int // nodes that may still be read
}

// value reads the first value of in and returns it as DER, and what follows it.
func (n *normaliser) value(in []byte, depth int) (der, rest []byte, err error) {
	if n.budget--; n.budget < 0 || depth > maxBERDepth {
		return nil, nil, fmt.Errorf("%w: nested too deep or too many values", errBER)
	}
	h, content, err := readHeader(in)
	if err != nil {
		return nil, nil, err
	}
	if !h.constructed {
		return appendValue(h.identifier, content[:h.length]), content[h.length:], nil
	}
	children, rest, err := n.children(h, content, depth)
	if err != nil {
		return nil, nil, err
	}
	if h.identifier != asn1.TagOctetString|constructedBit {
		return appendValue(h.identifier, children), rest, nil
	}
	joined, err := joinOctets(children)
	if err != nil {
		return nil, nil, err
	}
	return appendValue(asn1.TagOctetString, joined), rest, nil
}

// children reads the values within a constructed value and returns them as DER, and what follows it.
func (n *normaliser) children(h header, content []byte, depth int) (children, rest []byte, err error) {
	inside := content
	if !h.indefinite {
		inside, rest = content[:h.length], content[h.length:]
	}
	for {
		if h.indefinite && len(inside) >= 2 && inside[0] == 0 && inside[1] == 0 { // end-of-contents
			return children, inside[2:], nil
		}
		if !h.indefinite && len(inside) == 0 {
			return children, rest, nil
		}
		var child []byte
		if child, inside, err = n.value(inside, depth+1); err != nil {
			return nil, nil, err
		}
		children = append(children, child...)
	}
}

// joinOctets returns the contents of the OCTET STRINGs that follow each other in der.
func joinOctets(der []byte) ([]byte, error) {
	joined := []byte{}
	for len(der) > 0 {
		h, content, err := readHeader(der)
		if err != nil {
			return nil, err
		}
		if h.identifier != asn1.TagOctetString {
			return nil, fmt.Errorf("%w: an octet string in pieces has a piece that is none", errBER)
		}
		joined, der = append(joined, content[:h.length]...), content[h.length:]
	}
	return joined, nil
}

// constructedBit is set in the identifier octet of a value that is made of values (X.690 section 8.1.2.5).
const constructedBit = 0x20

// header is what stands before the content of a value.
type header struct {
	identifier  byte
	constructed bool
	indefinite  bool // the content ends with end-of-contents octets, and length is 0
	length      int
}

// readHeader reads the identifier and length octets of in; the content, which it checks to be all there, follows.
func readHeader(in []byte) (h header, content []byte, err error) {
	if len(in) < 2 {
		return header{}, nil, fmt.Errorf("%w: it ends early", errBER)
	}
	h = header{identifier: in[0], constructed: in[0]&constructedBit != 0}
	switch {
	case h.identifier == 0:
		return header{}, nil, fmt.Errorf("%w: end of contents where a value must be", errBER)
	case h.identifier&0x1f == 0x1f:
		return header{}, nil, fmt.Errorf("%w: a tag number above 30", errBER)
	}
	first := in[1]
	content = in[2:]
	switch {
	case first < 0x80:
		h.length = int(first)
	case first == 0x80:
		if !h.constructed {
			return header{}, nil, fmt.Errorf("%w: a primitive value of indefinite length", errBER)
		}
		h.indefinite = true
	default:
		octets := int(first & 0x7f)
		if octets > len(content) {
			return header{}, nil, fmt.Errorf("%w: it ends early", errBER)
		}
		for _, b := range content[:octets] {
			if h.length > len(in) { // already more than there is; going on could overflow
				break
			}
			h.length = h.length<<8 | int(b)
		}
		content = content[octets:]
	}
	if h.length > len(content) {
		return header{}, nil, fmt.Errorf("%w: it ends early", errBER)
	}
	return h, content, nil
}

// appendValue returns the DER of a value.
func appendValue(identifier byte, content []byte) []byte {
	der := make([]byte, 0, len(content)+6)
	der = append(der, identifier)
	switch n := len(content); {
	case n < 0x80:
		der = append(der, byte(n))
	case n < 0x100:
		der = append(der, 0x81, byte(n))
	case n < 0x10000:
		der = append(der, 0x82, byte(n>>8), byte(n))
	default:
		der = append(der, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(der, content...)
}
