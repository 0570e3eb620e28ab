package guard

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"code.dny.dev/ssrf"
)

// Mode says what the guard does about an address that may not be dialled.
type Mode string

// The modes.
const (
	Enforce    Mode = "enforce" // refuse it
	ReportOnly Mode = "report"  // let it through, and say in the log what Enforce would have refused
	Off        Mode = "off"     // check nothing
)

// Guard judges addresses. It is safe for concurrent use. A nil or zero Guard enforces, without exceptions.
type Guard struct {
	mode       Mode
	exceptions []exception
	reports    reports
}

// New makes a guard. The mode "" is Enforce. An exception is a network and optionally a port or a range of ports:
// 10.0.0.0/8, 10.1.2.3, 10.1.2.3:8443, 127.0.0.0/8:8000-9000, fd00::/8, [fd00::1]:8443, [fd00::/8]:443. It opens exactly
// that; without a port, every port of that network. The error of a bad one quotes it and says what is right.
func New(mode Mode, exceptions []string, log *slog.Logger) (*Guard, error) {
	switch mode {
	case "":
		mode = Enforce
	case Enforce, ReportOnly, Off:
	default:
		return nil, fmt.Errorf("the address guard's mode is %q; it is one of %s, %s and %s", string(mode), Enforce, ReportOnly, Off)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	g := &Guard{mode: mode, reports: reports{log: log}}
	for _, text := range exceptions {
		x, err := parseException(text)
		if err != nil {
			return nil, err
		}
		g.exceptions = append(g.exceptions, x)
	}
	return g, nil
}

// Check tells whether an address may be dialled: nil, or a *Blocked. It is called for what is really dialled; an address
// that the caller cannot parse it must refuse itself.
func (g *Guard) Check(at netip.AddrPort) error {
	why := g.judge(at)
	if why == "" {
		return nil
	}
	return g.refuse(&Blocked{Address: at, Why: why})
}

// refuse does with what was judged as the mode says.
func (g *Guard) refuse(b *Blocked) error {
	if g == nil {
		return b
	}
	switch g.mode {
	case ReportOnly:
		g.reports.add(b)
		return nil
	case Off:
		return nil
	default:
		return b
	}
}

// judge says why an address may not be dialled, or "".
func (g *Guard) judge(at netip.AddrPort) string {
	addr := at.Addr()
	if why := unusable(at); why != "" {
		return why
	}
	// A socket that is connected to ::ffff:a.b.c.d speaks IPv4 with a.b.c.d: one endpoint, one verdict.
	plain := addr.Unmap()
	if g != nil {
		for _, x := range g.exceptions {
			if x.opens(netip.AddrPortFrom(plain, at.Port())) {
				return ""
			}
		}
	}
	network, denied := deniedNetwork(plain)
	if !denied {
		return ""
	}
	why := describe(plain, network)
	if addr.Is4In6() {
		return "the IPv4 address " + plain.String() + " in IPv6 notation, and " + why
	}
	return why
}

// unusable says why an address is none that anything could open, or "".
func unusable(at netip.AddrPort) string {
	switch {
	case !at.Addr().IsValid():
		return "not an IP address"
	case at.Addr().Zone() != "":
		return "bound to one of this machine's own links by its zone (RFC 4007)"
	case at.Port() == 0:
		return "without a port: port 0 is reserved (RFC 6335)"
	}
	return ""
}

// deniedNetwork finds the network that an address may not be dialled for. The network is invalid where none but "outside
// of what is in public use" can be named.
func deniedNetwork(addr netip.Addr) (netip.Prefix, bool) {
	if addr.Is4() {
		for _, list := range [][]netip.Prefix{alsoDenied, ssrf.IPv4DeniedPrefixes} {
			for _, p := range list {
				if p.Contains(addr) {
					return p, true
				}
			}
		}
		return netip.Prefix{}, false
	}
	// The translator's well-known prefix is as good as the address behind it: in a network without IPv4, DNS64 gives
	// every public IPv4 host such an address (RFC 6052).
	if ssrf.IPv6NAT64Prefix.Contains(addr) {
		_, denied := deniedNetwork(embedded(addr, 12))
		return ssrf.IPv6NAT64Prefix, denied
	}
	if !ssrf.IPv6GlobalUnicast.Contains(addr) {
		return netip.Prefix{}, true
	}
	for _, p := range ssrf.IPv6DeniedPrefixes {
		if p.Contains(addr) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// Blocked is the error of an address that may not be dialled.
type Blocked struct { //nolint:errname // guard.Blocked says it; guard.BlockedError would say it twice
	Address netip.AddrPort // invalid when the text of a URL names no address that could be dialled
	Why     string         // for people, to be read after "the address is"
}

// Error says it in a sentence, with what an administrator can do.
func (b *Blocked) Error() string {
	var s strings.Builder
	s.WriteString("the address ")
	if b.Address.IsValid() {
		s.WriteString(b.Address.String())
		s.WriteByte(' ')
	}
	s.WriteString("is ")
	s.WriteString(b.Why)
	if addr := b.Address.Addr().Unmap(); unusable(b.Address) == "" && !handsOutCredentials(addr) {
		s.WriteString("; an administrator can allow it with guard.exceptions: ")
		s.WriteString(netip.AddrPortFrom(addr, b.Address.Port()).String())
	}
	return s.String()
}
