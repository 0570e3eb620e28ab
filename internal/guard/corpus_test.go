package guard_test

import (
	"errors"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/internal/guard"
)

// entry is a line of testdata/addresses.txt.
type entry struct{ verdict, kind, text, reason string }

// corpus reads testdata/addresses.txt.
func corpus(t testing.TB) []entry {
	t.Helper()
	data, err := os.ReadFile("testdata/addresses.txt")
	if err != nil {
		t.Fatal(err)
	}
	var entries []entry
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := append(strings.Split(line, "\t"), "")
		if len(f) < 4 || (f[0] == "refuse") != (f[3] != "") {
			t.Fatalf("a line of the corpus is not verdict, kind, text and reason: %q", line)
		}
		entries = append(entries, entry{f[0], f[1], f[2], f[3]})
	}
	return entries
}

// urls are those in which an entry is the host.
func (e entry) urls() []string {
	switch e.kind {
	case "url":
		return []string{e.text}
	case "host":
		return []string{"https://" + e.text + "/sign-up?x=1", "http://user:word@" + e.text + "/"}
	}
	addr := netip.MustParseAddr(e.text)
	host := strings.ReplaceAll(e.text, "%", "%25")
	if addr.Is6() {
		host = "[" + host + "]"
	}
	return []string{"https://" + host + "/", "https://" + host + ":8443/", "https://" + strings.ToUpper(host) + "/"}
}

// verdict compares an answer of the guard's with what an entry expects.
func (e entry) compare(t *testing.T, what string, err error) {
	t.Helper()
	if e.verdict != "refuse" {
		if err != nil {
			t.Errorf("%s: %v; want it let through", what, err)
		}
		return
	}
	var blocked *guard.Blocked
	switch {
	case !errors.As(err, &blocked):
		t.Errorf("%s: %v; want it refused", what, err)
	case !strings.Contains(err.Error(), e.reason):
		t.Errorf("%s: %q does not say %q", what, err, e.reason)
	case !strings.HasPrefix(err.Error(), "the address "):
		t.Errorf("%s: %q does not read as a sentence", what, err)
	}
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	entries := corpus(t)
	if len(entries) < 300 {
		t.Errorf("the corpus has %d entries, fewer than 300", len(entries))
	}
	enforcing, err := guard.New(guard.Enforce, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	guards := map[string]*guard.Guard{"new": enforcing, "nil": nil, "zero": {}}
	for _, e := range entries {
		for name, g := range guards {
			if e.kind == "address" {
				for _, port := range []uint16{1, 443, 65535} {
					at := netip.AddrPortFrom(netip.MustParseAddr(e.text), port)
					e.compare(t, name+" "+at.String(), g.Check(at))
				}
			}
			for _, target := range e.urls() {
				e.compare(t, name+" "+target, g.CheckURL(target))
			}
		}
	}
}

// TestCorpusInOtherModes: what Enforce refuses, the other modes let through, URLs without any address included.
func TestCorpusInOtherModes(t *testing.T) {
	t.Parallel()
	for _, mode := range []guard.Mode{guard.ReportOnly, guard.Off} {
		g, err := guard.New(mode, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range corpus(t) {
			if e.kind == "address" {
				if err := g.Check(netip.AddrPortFrom(netip.MustParseAddr(e.text), 443)); err != nil {
					t.Errorf("%s: %s: %v", mode, e.text, err)
				}
			}
			for _, target := range e.urls() {
				if err := g.CheckURL(target); err != nil {
					t.Errorf("%s: %s: %v", mode, target, err)
				}
			}
		}
	}
}

// FuzzCheckURL: no text makes the guard panic, and none whose host Go itself reads as an address of this machine or of a
// private network passes. Go's own words for addresses are the judge, not the guard's tables.
func FuzzCheckURL(f *testing.F) {
	for _, e := range corpus(f) {
		for _, target := range e.urls() {
			f.Add(target)
		}
	}
	f.Fuzz(func(t *testing.T, target string) {
		var g *guard.Guard
		err := g.CheckURL(target)
		u, bad := url.Parse(target)
		if bad != nil || u.Hostname() == "" {
			if err == nil {
				t.Fatalf("%q has no host and passes", target)
			}
			return
		}
		addr, bad := netip.ParseAddr(u.Hostname())
		if bad != nil {
			return
		}
		a := addr.Unmap()
		special := !a.IsGlobalUnicast() || a.IsPrivate() || addr.Zone() != ""
		if special && err == nil {
			t.Fatalf("%q passes, and its host is %s", target, addr)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Fatalf("%q: the reason has a line break: %q", target, err)
		}
	})
}
