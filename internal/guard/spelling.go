package guard

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// CheckURL tells whether the address that a URL's host spells may be dialled: nil, or a *Blocked. It reads every spelling
// that some resolver or dialler takes for an address: 127.1, 2130706433, 0x7f000001, 0177.0.0.1, fullwidth digits,
// ideographic dots, a trailing dot. A name passes, since names are judged when they have been resolved; a host that is
// neither a name nor an address does not.
func (g *Guard) CheckURL(target string) error {
	u, err := url.Parse(target)
	if err != nil { // its error would repeat the URL, query and all
		return g.refuse(&Blocked{Why: "not to be found: the target is not a URL"})
	}
	host := u.Hostname()
	if host == "" {
		return g.refuse(&Blocked{Why: "not to be found: the URL has no host, which a dialler takes for this machine"})
	}
	port, ok := portOf(u)
	if !ok {
		return g.refuse(&Blocked{Why: "without a port: a port is a number from 1 to 65535"})
	}
	addrs, fault := readings(host)
	if fault != "" {
		return g.refuse(&Blocked{Why: fault})
	}
	for _, addr := range addrs {
		if err := g.Check(netip.AddrPortFrom(addr, port)); err != nil {
			return err
		}
	}
	return nil
}

// portOf is the port of a URL, which is 443 unless it says another or is http.
func portOf(u *url.URL) (uint16, bool) {
	switch {
	case u.Port() != "":
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		return uint16(n), err == nil && n > 0
	case u.Scheme == "http":
		return 80, true
	}
	return 443, true
}

// readings are the addresses that a host may be read as: none for a name, two where software disagrees on leading zeros.
// The fault is that of a host which is neither a name nor an address.
func readings(host string) (addrs []netip.Addr, fault string) {
	host = fold(host)
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, ""
	}
	if strings.ContainsAny(host, ":%[]") {
		return nil, "not to be found: the URL's host is neither a name nor a proper IP address"
	}
	labels := strings.Split(strings.TrimRight(host, "."), ".")
	last := labels[len(labels)-1]
	if last == "" {
		return nil, "not to be found: the URL's host is neither a name nor a proper IP address"
	}
	if !isNumber(last) {
		if !strings.ContainsFunc(last, unicode.IsLetter) && strings.ContainsFunc(last, notASCII) {
			return nil, "not to be found: the URL's host is written in digits of another script"
		}
		return nil, ""
	}
	// No name ends in a number: such a host is an address for some, and for the rest it is nothing (WHATWG URL, 3.5).
	for _, octal := range []bool{true, false} {
		if addr, ok := parseNumbers(labels, octal); ok {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 {
		return nil, "not to be found: the URL's host ends in a number like an IPv4 address, and is none"
	}
	return addrs, ""
}

// fold writes a host as clients do before they look at it: the dots of other scripts as dots, fullwidth characters as
// ASCII (UTS 46), and without what is not seen.
func fold(host string) string {
	if !strings.ContainsFunc(host, notASCII) {
		return host
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u3002' || r == '\uff61':
			return '.'
		case '\uff01' <= r && r <= '\uff5e':
			return r - '\uff01' + '!'
		case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r):
			return -1
		}
		return r
	}, host)
}

// notASCII tells whether a character is none of ASCII's.
func notASCII(r rune) bool {
	return r > unicode.MaxASCII
}

// isNumber tells whether a label is written as a number: digits only, or hexadecimal after 0x.
func isNumber(label string) bool {
	if hex, ok := cutHex(label); ok {
		return strings.Trim(hex, "0123456789abcdefABCDEF") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

// cutHex is what follows 0x.
func cutHex(label string) (string, bool) {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return hex, true
	}
	return strings.CutPrefix(label, "0X")
}

// parseNumbers reads one to four numbers as inet_aton does: the last one fills all the octets that are left. Where octal
// is false, a leading zero means nothing, as in the software that reads 010.8.8.8 as 10.8.8.8.
func parseNumbers(labels []string, octal bool) (netip.Addr, bool) {
	if len(labels) > 4 {
		return netip.Addr{}, false
	}
	var whole uint64
	for i, label := range labels {
		n, ok := parseNumber(label, octal)
		limit := uint64(1) << 8
		if i == len(labels)-1 {
			limit = 1 << (8 * (5 - len(labels)))
		}
		if !ok || n >= limit {
			return netip.Addr{}, false
		}
		if i < len(labels)-1 {
			n <<= 8 * (3 - i)
		}
		whole |= n
	}
	return netip.AddrFrom4([4]byte{byte(whole >> 24), byte(whole >> 16), byte(whole >> 8), byte(whole)}), true
}

// parseNumber reads one number of an address; 0x alone is zero, as browsers have it.
func parseNumber(label string, octal bool) (uint64, bool) {
	if !isNumber(label) {
		return 0, false
	}
	base := 10
	if hex, ok := cutHex(label); ok {
		label, base = "0"+hex, 16
	} else if octal && len(label) > 1 && label[0] == '0' {
		base = 8
	}
	n, err := strconv.ParseUint(label, base, 64)
	return n, err == nil
}
