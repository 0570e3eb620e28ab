package guard

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// exception is a network and the ports of it that are open.
type exception struct {
	network  netip.Prefix
	from, to uint16
}

// opens tells whether the exception names the address and the port.
func (x exception) opens(at netip.AddrPort) bool {
	return x.network.Contains(at.Addr()) && x.from <= at.Port() && at.Port() <= x.to
}

// exceptionForms ends every refusal of an exception.
const exceptionForms = "write a network or an address, and a port or a range of ports if not all: 10.0.0.0/8, 10.1.2.3:8443, 127.0.0.0/8:8000-9000, fd00::/8, [fd00::1]:8443, [fd00::/8]:443"

// parseException reads one exception.
func parseException(text string) (exception, error) {
	x := exception{from: 1, to: 65535}
	network, ports, fault := splitException(strings.TrimSpace(text))
	if fault == "" {
		x.network, fault = parseNetwork(network)
	}
	if fault == "" && ports != "" {
		x.from, x.to, fault = parsePorts(ports[1:])
	}
	if fault != "" {
		return exception{}, fmt.Errorf("the guard's exception %q %s; %s", text, fault, exceptionForms)
	}
	return x, nil
}

// splitException parts the network from the ports, which keep their colon. IPv6 wears its brackets around the address or
// around the network, and none where no port follows.
func splitException(text string) (network, ports, fault string) {
	if text == "" {
		return "", "", "is empty"
	}
	if rest, ok := strings.CutPrefix(text, "["); ok {
		inside, after, ok := strings.Cut(rest, "]")
		if !ok {
			return "", "", "has no closing bracket"
		}
		if !strings.Contains(inside, ":") {
			return "", "", "has brackets around what is not an IPv6 address"
		}
		mask, ports, found := strings.Cut(after, ":")
		if mask != "" && !strings.HasPrefix(mask, "/") {
			return "", "", fmt.Sprintf("has %q after the bracket", mask)
		}
		if found {
			ports = ":" + ports
		}
		return inside + mask, ports, ""
	}
	// Colons before a slash, and more than one of them without any slash, are those of an IPv6 address.
	slash, colon := strings.IndexByte(text, '/'), strings.LastIndexByte(text, ':')
	if colon < 0 || colon < slash || slash < 0 && strings.Count(text, ":") > 1 {
		return text, "", ""
	}
	return text[:colon], text[colon:], ""
}

// parseNetwork reads a network or an address, in its one proper spelling.
func parseNetwork(text string) (netip.Prefix, string) {
	var network netip.Prefix
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return p, fmt.Sprintf("has no network in %q", text)
		}
		network = p
	} else {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return network, fmt.Sprintf("has no address in %q (a name will not do: it may resolve to anything)", text)
		}
		if addr.Zone() != "" {
			return network, "has a zone, which cannot be opened"
		}
		network = netip.PrefixFrom(addr, addr.BitLen())
	}
	switch {
	case network.Addr().Is4In6():
		return network, fmt.Sprintf("is IPv4 in IPv6 notation (the IPv4 address is %s)", network.Addr().Unmap())
	case network.Masked() != network:
		return network, fmt.Sprintf("names both an address and a network (the network is %s, the address %s)", network.Masked(), network.Addr())
	}
	return network, ""
}

// parsePorts reads "443" or "8000-9000".
func parsePorts(text string) (from, to uint16, fault string) {
	low, high, isRange := strings.Cut(text, "-")
	if !isRange {
		high = low
	}
	from, okFrom := parsePort(low)
	to, okTo := parsePort(high)
	switch {
	case !okFrom || !okTo:
		return 0, 0, fmt.Sprintf("has no ports in %q (a port is a number from 1 to 65535)", text)
	case from > to:
		return 0, 0, fmt.Sprintf("has the range %q, which ends before it begins", text)
	}
	return from, to, ""
}

// parsePort reads a port in plain decimal.
func parsePort(text string) (uint16, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil && n > 0 && strconv.FormatUint(n, 10) == text
}
