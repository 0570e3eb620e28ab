package guard

import (
	"net/netip"

	"code.dny.dev/ssrf"
)

// named is a network with the words for it. The rows give the words; what is refused is decided by deniedNetwork.
type named struct {
	network netip.Prefix
	words   string
	// inner is where the octets of an IPv4 address begin in such an IPv6 address, 0 if it has none; inverted if they are
	// stored with every bit turned (Teredo).
	inner    int
	inverted bool
	// credentials: what answers there hands out the machine's own, so that a refusal does not teach how to open it.
	credentials bool
}

// networks are those of the IANA special-purpose address registries, of the registries of multicast and reserved space,
// and the single addresses at which clouds serve a machine's metadata. The longest match counts.
var networks = []named{
	{network: netip.MustParsePrefix("0.0.0.0/8"), words: "this network (RFC 791)"},
	{network: netip.MustParsePrefix("0.0.0.0/32"), words: "this host, which a dialler takes for loopback (RFC 1122)"},
	{network: netip.MustParsePrefix("10.0.0.0/8"), words: "private use (RFC 1918)"},
	{network: netip.MustParsePrefix("100.64.0.0/10"), words: "shared address space of carriers (RFC 6598)"},
	{network: netip.MustParsePrefix("100.100.100.200/32"), words: "the metadata service of Alibaba Cloud (in RFC 6598 space)", credentials: true},
	{network: netip.MustParsePrefix("127.0.0.0/8"), words: "loopback (RFC 1122)"},
	{network: netip.MustParsePrefix("168.63.129.16/32"), words: "the wire server of Azure (a virtual public address)", credentials: true},
	{network: netip.MustParsePrefix("169.254.0.0/16"), words: "link-local (RFC 3927)"},
	{network: netip.MustParsePrefix("169.254.169.254/32"), words: "the metadata service of most clouds (in RFC 3927 space)", credentials: true},
	{network: netip.MustParsePrefix("169.254.170.2/32"), words: "the credentials of AWS containers (in RFC 3927 space)", credentials: true},
	{network: netip.MustParsePrefix("172.16.0.0/12"), words: "private use (RFC 1918)"},
	{network: netip.MustParsePrefix("192.0.0.0/24"), words: "IETF protocol assignments (RFC 6890)"},
	{network: netip.MustParsePrefix("192.0.0.0/29"), words: "IPv4 service continuity (RFC 7335)"},
	{network: netip.MustParsePrefix("192.0.0.8/32"), words: "the IPv4 dummy address (RFC 7600)"},
	{network: netip.MustParsePrefix("192.0.0.9/32"), words: "port control protocol anycast (RFC 7723)"},
	{network: netip.MustParsePrefix("192.0.0.10/32"), words: "TURN anycast (RFC 8155)"},
	{network: netip.MustParsePrefix("192.0.0.170/31"), words: "NAT64 and DNS64 discovery (RFC 8880)"},
	{network: netip.MustParsePrefix("192.0.0.192/32"), words: "the metadata service of Oracle Cloud (in RFC 6890 space)", credentials: true},
	{network: netip.MustParsePrefix("192.0.2.0/24"), words: "documentation, TEST-NET-1 (RFC 5737)"},
	{network: netip.MustParsePrefix("192.31.196.0/24"), words: "AS112 name servers (RFC 7535)"},
	{network: netip.MustParsePrefix("192.52.193.0/24"), words: "automatic multicast tunnelling (RFC 7450)"},
	{network: netip.MustParsePrefix("192.88.99.0/24"), words: "6to4 relay anycast, withdrawn (RFC 7526)"},
	{network: netip.MustParsePrefix("192.168.0.0/16"), words: "private use (RFC 1918)"},
	{network: netip.MustParsePrefix("192.175.48.0/24"), words: "AS112 name servers (RFC 7534)"},
	{network: netip.MustParsePrefix("198.18.0.0/15"), words: "benchmarking (RFC 2544)"},
	{network: netip.MustParsePrefix("198.51.100.0/24"), words: "documentation, TEST-NET-2 (RFC 5737)"},
	{network: netip.MustParsePrefix("203.0.113.0/24"), words: "documentation, TEST-NET-3 (RFC 5737)"},
	{network: netip.MustParsePrefix("224.0.0.0/4"), words: "multicast (RFC 5771)"},
	{network: netip.MustParsePrefix("240.0.0.0/4"), words: "reserved (RFC 1112)"},
	{network: netip.MustParsePrefix("255.255.255.255/32"), words: "broadcast (RFC 919)"},

	{network: netip.MustParsePrefix("::/128"), words: "the unspecified address, which a dialler takes for loopback (RFC 4291)"},
	{network: netip.MustParsePrefix("::1/128"), words: "loopback (RFC 4291)"},
	{network: netip.MustParsePrefix("::/96"), words: "IPv4-compatible, withdrawn (RFC 4291)", inner: 12},
	{network: netip.MustParsePrefix("::ffff:0:0:0/96"), words: "IPv4-translated (RFC 2765)", inner: 12},
	{network: netip.MustParsePrefix("64:ff9b::/96"), words: "translation to IPv4, NAT64 (RFC 6052)", inner: 12},
	{network: netip.MustParsePrefix("64:ff9b:1::/48"), words: "translation to IPv4 for local use, NAT64 (RFC 8215)"},
	{network: netip.MustParsePrefix("100::/64"), words: "discarded traffic (RFC 6666)"},
	{network: netip.MustParsePrefix("100:0:0:1::/64"), words: "the dummy prefix (RFC 9780)"},
	{network: netip.MustParsePrefix("2001::/23"), words: "IETF protocol assignments (RFC 2928)"},
	{network: netip.MustParsePrefix("2001::/32"), words: "Teredo tunnels (RFC 4380)", inner: 12, inverted: true},
	{network: netip.MustParsePrefix("2001:1::1/128"), words: "port control protocol anycast (RFC 7723)"},
	{network: netip.MustParsePrefix("2001:1::2/128"), words: "TURN anycast (RFC 8155)"},
	{network: netip.MustParsePrefix("2001:1::3/128"), words: "DNS-SD registration anycast (RFC 9665)"},
	{network: netip.MustParsePrefix("2001:2::/48"), words: "benchmarking (RFC 5180)"},
	{network: netip.MustParsePrefix("2001:3::/32"), words: "automatic multicast tunnelling (RFC 7450)"},
	{network: netip.MustParsePrefix("2001:4:112::/48"), words: "AS112 name servers (RFC 7535)"},
	{network: netip.MustParsePrefix("2001:10::/28"), words: "ORCHID, withdrawn (RFC 4843)"},
	{network: netip.MustParsePrefix("2001:20::/28"), words: "ORCHIDv2 (RFC 7343)"},
	{network: netip.MustParsePrefix("2001:30::/28"), words: "drone remote identification (RFC 9374)"},
	{network: netip.MustParsePrefix("2001:db8::/32"), words: "documentation (RFC 3849)"},
	{network: netip.MustParsePrefix("2002::/16"), words: "6to4 tunnels (RFC 3056)", inner: 2},
	{network: netip.MustParsePrefix("2620:4f:8000::/48"), words: "AS112 name servers (RFC 7534)"},
	{network: netip.MustParsePrefix("3fff::/20"), words: "documentation (RFC 9637)"},
	{network: netip.MustParsePrefix("5f00::/16"), words: "segment routing identifiers (RFC 9602)"},
	{network: netip.MustParsePrefix("fc00::/7"), words: "unique local, private use (RFC 4193)"},
	{network: netip.MustParsePrefix("fd00:ec2::254/128"), words: "the metadata service of AWS (in RFC 4193 space)", credentials: true},
	{network: netip.MustParsePrefix("fd00:ec2::23/128"), words: "the credentials of AWS pods (in RFC 4193 space)", credentials: true},
	{network: netip.MustParsePrefix("fd20:ce::254/128"), words: "the metadata service of Google Cloud (in RFC 4193 space)", credentials: true},
	{network: netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), words: "the metadata service of Oracle Cloud (in RFC 4193 space)", credentials: true},
	{network: netip.MustParsePrefix("fe80::/10"), words: "link-local (RFC 4291)"},
	{network: netip.MustParsePrefix("fe80::a9fe:a9fe/128"), words: "the metadata service of OpenStack (in RFC 4291 space)", credentials: true},
	{network: netip.MustParsePrefix("fec0::/10"), words: "site-local, withdrawn (RFC 3879)"},
	{network: netip.MustParsePrefix("ff00::/8"), words: "multicast (RFC 4291)"},
}

// alsoDenied is what the registries count as public and a machine in a cloud reaches as its own.
var alsoDenied = []netip.Prefix{netip.MustParsePrefix("168.63.129.16/32")}

// longest finds the narrowest row that holds the address, or nil.
func longest(addr netip.Addr) *named {
	var best *named
	for i := range networks {
		if n := &networks[i]; n.network.Contains(addr) && (best == nil || n.network.Bits() > best.network.Bits()) {
			best = n
		}
	}
	return best
}

// describe puts into words why an address is refused; network is the one that the deny lists named, if they did.
func describe(addr netip.Addr, network netip.Prefix) string {
	n := longest(addr)
	switch {
	case n == nil && network.IsValid():
		return "in " + network.String() + ", which is not for use from everywhere (IANA special-purpose address registry)"
	case n == nil:
		return "not in " + ssrf.IPv6GlobalUnicast.String() + ", the only IPv6 space in public use (RFC 4291)"
	case n.network.IsSingleIP():
		return n.words
	}
	words := "in " + n.network.String() + ", " + n.words
	if n.inner == 0 {
		return words
	}
	inner := embedded(addr, n.inner)
	if n.inverted {
		inner = invert(inner)
	}
	return words + ", which leads to " + inner.String()
}

// handsOutCredentials tells whether an address is that of a metadata service.
func handsOutCredentials(addr netip.Addr) bool {
	if addr.Is6() && ssrf.IPv6NAT64Prefix.Contains(addr) {
		addr = embedded(addr, 12)
	}
	n := longest(addr)
	return n != nil && n.credentials
}

// embedded is the IPv4 address whose four octets begin at an offset of an IPv6 address.
func embedded(addr netip.Addr, offset int) netip.Addr {
	octets := addr.As16()
	return netip.AddrFrom4([4]byte(octets[offset : offset+4]))
}

// invert turns every bit of an IPv4 address.
func invert(addr netip.Addr) netip.Addr {
	octets := addr.As4()
	for i := range octets {
		octets[i] ^= 0xff
	}
	return netip.AddrFrom4(octets)
}
