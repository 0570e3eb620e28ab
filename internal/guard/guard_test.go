package guard_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"code.dny.dev/ssrf"
	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/guard"
)

func TestSentences(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"10.0.0.5:443":                  "the address 10.0.0.5:443 is in 10.0.0.0/8, private use (RFC 1918); an administrator can allow it with guard.exceptions: 10.0.0.5:443",
		"[fd00::1]:8443":                "the address [fd00::1]:8443 is in fc00::/7, unique local, private use (RFC 4193); an administrator can allow it with guard.exceptions: [fd00::1]:8443",
		"[::1]:80":                      "the address [::1]:80 is loopback (RFC 4291); an administrator can allow it with guard.exceptions: [::1]:80",
		"[::ffff:10.0.0.5]:443":         "the address [::ffff:10.0.0.5]:443 is the IPv4 address 10.0.0.5 in IPv6 notation, and in 10.0.0.0/8, private use (RFC 1918); an administrator can allow it with guard.exceptions: 10.0.0.5:443",
		"[2002:7f00:1::]:443":           "the address [2002:7f00:1::]:443 is in 2002::/16, 6to4 tunnels (RFC 3056), which leads to 127.0.0.1; an administrator can allow it with guard.exceptions: [2002:7f00:1::]:443",
		"[4000::1]:443":                 "the address [4000::1]:443 is not in 2000::/3, the only IPv6 space in public use (RFC 4291); an administrator can allow it with guard.exceptions: [4000::1]:443",
		"169.254.169.254:80":            "the address 169.254.169.254:80 is the metadata service of most clouds (in RFC 3927 space)",
		"[64:ff9b::169.254.169.254]:80": "the address [64:ff9b::a9fe:a9fe]:80 is in 64:ff9b::/96, translation to IPv4, NAT64 (RFC 6052), which leads to 169.254.169.254",
		"[fe80::1%eth0]:443":            "the address [fe80::1%eth0]:443 is bound to one of this machine's own links by its zone (RFC 4007)",
		"8.8.8.8:0":                     "the address 8.8.8.8:0 is without a port: port 0 is reserved (RFC 6335)",
	} {
		at := netip.MustParseAddrPort(address)
		var blocked *guard.Blocked
		if err := (*guard.Guard)(nil).Check(at); !errors.As(err, &blocked) {
			t.Errorf("%s passes", address)
			continue
		}
		if diff := cmp.Diff(want, blocked.Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", address, diff)
		}
		if blocked.Address != at {
			t.Errorf("%s: the error names %s", address, blocked.Address)
		}
	}
	if err := (*guard.Guard)(nil).Check(netip.AddrPort{}); err == nil {
		t.Error("an address that is none passes")
	}
}

// TestNoSecretInTheError: a URL may carry a password or a key, and an error is shown and logged.
func TestNoSecretInTheError(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"https://user:hunter2@127.0.0.1/?code=hunter2", "https://user:hunter2@[::1/?code=hunter2", "https://user:hunter2@/",
		"https://hunter2@1.2.3.4.5/hunter2", "https://user:hunter2@127.0.0.1:0/#hunter2",
	} {
		err := (*guard.Guard)(nil).CheckURL(target)
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), "hunter2") {
			t.Errorf("an unfit URL is answered with %v", err)
		}
	}
}

// TestEveryDeniedNetworkHasWords: a prefix that the library adds some day must not end in the general sentence unseen.
func TestEveryDeniedNetworkHasWords(t *testing.T) {
	t.Parallel()
	var g *guard.Guard
	for _, list := range [][]netip.Prefix{ssrf.IPv4DeniedPrefixes, ssrf.IPv6DeniedPrefixes} {
		for _, p := range list {
			err := g.Check(netip.AddrPortFrom(p.Addr(), 443))
			if err == nil || strings.Contains(err.Error(), "special-purpose address registry") {
				t.Errorf("%s: %v; give it a row in networks", p, err)
			}
		}
	}
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	rows := []struct {
		exceptions     []string
		opens, refuses string
	}{
		{[]string{"10.0.0.0/8"}, "10.0.0.0:1 10.255.255.255:65535 10.1.2.3:443 [::ffff:10.1.2.3]:443", "11.0.0.0:0 9.255.255.255:0 127.0.0.1:443 192.168.0.1:443 10.1.2.3:0 [64:ff9b::10.1.2.3]:443 [2002:a01:203::1]:443 [::10.1.2.3]:443 169.254.169.254:80"},
		{[]string{"10.1.2.3"}, "10.1.2.3:1 10.1.2.3:443", "10.1.2.2:443 10.1.2.4:443"},
		{[]string{"10.1.2.3:8443"}, "10.1.2.3:8443", "10.1.2.3:8442 10.1.2.3:8444 10.1.2.3:443 10.1.2.4:8443"},
		{[]string{"10.96.0.0/12:443"}, "10.96.0.1:443 10.111.255.255:443", "10.96.0.1:80 10.112.0.0:443 10.95.255.255:443"},
		{[]string{"127.0.0.0/8:8000-9000"}, "127.0.0.1:8000 127.9.9.9:8500 127.0.0.1:9000", "127.0.0.1:7999 127.0.0.1:9001 [::1]:8500 0.0.0.0:8500"},
		{[]string{"[fd00::]/8", " 172.16.0.0/12 "}, "[fd00::1]:443 [fdff::]:1 172.31.0.1:443", "[fc00::1]:443 [fe80::1]:443 [fd00::1%eth0]:443 10.0.0.1:443"},
		{[]string{"fd00::/8"}, "[fd00::1]:443", "[fc00::1]:443"},
		{[]string{"fd00::1"}, "[fd00::1]:443", "[fd00::2]:443"},
		{[]string{"[fd00::1]:8443"}, "[fd00::1]:8443", "[fd00::1]:443 [fd00::2]:8443"},
		{[]string{"[fd00::1]"}, "[fd00::1]:8443", "[fd00::2]:8443"},
		{[]string{"[fd00::/8]:443"}, "[fd00::1]:443", "[fd00::1]:80"},
		{[]string{"[fd00::]/8:443-444"}, "[fd00::1]:444", "[fd00::1]:445"},
		{[]string{"[fd00::/8]"}, "[fd00::1]:1", "[fc00::1]:1"},
		{[]string{"fd00::/8:443"}, "[fd00::1]:443", "[fd00::1]:80"},
		{[]string{"::1"}, "[::1]:443", "127.0.0.1:443 [::]:443 [::2]:443"},
		{[]string{"fe80::/10"}, "[fe80::1]:443", "[fe80::1%eth0]:443"},
		{[]string{"64:ff9b::/96:443"}, "[64:ff9b::10.1.2.3]:443", "[64:ff9b::10.1.2.3]:80 10.1.2.3:443"},
		{[]string{"10.0.0.0/8:443", "10.1.0.0/16:80"}, "10.0.0.1:443 10.1.0.1:443 10.1.0.1:80", "10.2.0.1:80"},
		{[]string{"0.0.0.0/0:443"}, "127.0.0.1:443 8.8.8.8:80", "127.0.0.1:80 [::1]:443"},
	}
	for _, row := range rows {
		g, err := guard.New(guard.Enforce, row.exceptions, nil)
		if err != nil {
			t.Errorf("%q: %v", row.exceptions, err)
			continue
		}
		for _, text := range strings.Fields(row.opens) {
			if err := g.Check(netip.MustParseAddrPort(text)); err != nil {
				t.Errorf("%q, %s: %v", row.exceptions, text, err)
			}
			if err := g.CheckURL("https://" + text + "/"); err != nil {
				t.Errorf("%q, URL with %s: %v", row.exceptions, text, err)
			}
		}
		for _, text := range strings.Fields(row.refuses) {
			if err := g.Check(netip.MustParseAddrPort(text)); err == nil {
				t.Errorf("%q opens %s", row.exceptions, text)
			}
		}
	}
	// The number spellings of CheckURL obey the same exceptions, in either reading of a leading zero.
	g, err := guard.New(guard.Enforce, []string{"10.8.8.8:443", "127.0.0.0/8"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]bool{
		"https://127.1/": true, "https://2130706433:81/": true, "https://010.8.8.8/": true, "http://010.8.8.8/": false, "https://10.8.8.9/": false,
	} {
		if err := g.CheckURL(target); (err == nil) != want {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestBadExceptions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                         "is empty",
		"  ":                       "is empty",
		"localhost":                "a name will not do",
		"payments.internal:8443":   "a name will not do",
		"https://10.0.0.5":         "has no network",
		"10.0.0.0/33":              "has no network",
		"10.0.0.0/":                "has no network",
		"10.0.0.0/08":              "has no network",
		"/8":                       "has no network",
		"10.0.0/8":                 "has no network",
		"10.1.2.3/8":               "the network is 10.0.0.0/8, the address 10.1.2.3",
		"fd00::1/8":                "the network is fd00::/8",
		"10.0.0.1:0":               "has no ports",
		"10.0.0.1:":                "has no ports",
		"10.0.0.1:65536":           "has no ports",
		"10.0.0.1:443,444":         "has no ports",
		"10.0.0.1:0443":            "has no ports",
		"10.0.0.1:+443":            "has no ports",
		"10.0.0.1:https":           "has no ports",
		"10.0.0.1:-443":            "has no ports",
		"10.0.0.1:443-":            "has no ports",
		"10.0.0.1:1-2-3":           "has no ports",
		"10.0.0.1:9000-8000":       "ends before it begins",
		"10.0.0.1 : 443":           "has no address",
		"10.0.0.1, 10.0.0.2":       "has no address",
		"010.0.0.1":                "has no address",
		"127.1":                    "has no address",
		"2130706433":               "has no address",
		"[10.0.0.1]:443":           "brackets",
		"[fd00::1":                 "no closing bracket",
		"[fd00::1]8":               "after the bracket",
		"[fd00::/8]/8":             "has no network",
		"fd00::1]":                 "has no address",
		"fe80::1%eth0":             "has a zone",
		"[fe80::1%eth0]:443":       "has a zone",
		"fe80::%eth0/10":           "has no network",
		"::ffff:10.0.0.1":          "the IPv4 address is 10.0.0.1",
		"[::ffff:10.0.0.0/104]:80": "the IPv4 address is 10.0.0.0",
		"*":                        "has no address",
		"10.0.0.0/8:*":             "has no ports",
	} {
		g, err := guard.New(guard.Enforce, []string{"10.0.0.0/8", text}, nil)
		if err == nil || g != nil {
			t.Errorf("%q is taken", text)
			continue
		}
		for _, part := range []string{fmt.Sprintf("%q", text), want, "10.1.2.3:8443"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %q does not say %q", text, err, part)
			}
		}
	}
	if _, err := guard.New("Enforce", nil, nil); err == nil || !strings.Contains(err.Error(), "one of enforce, report and off") {
		t.Errorf("an unknown mode: %v", err)
	}
}

// lines decodes a log.
func lines(t *testing.T, log *bytes.Buffer) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(log.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

func TestReportOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		g, err := guard.New(guard.ReportOnly, []string{"10.9.9.9"}, slog.New(slog.NewJSONHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		check := func(address string) {
			if err := g.Check(netip.MustParseAddrPort(address)); err != nil {
				t.Errorf("%s: %v", address, err)
			}
		}
		check("8.8.8.8:443")
		check("10.9.9.9:443")
		for range 100 {
			check("10.0.0.5:443")
		}
		if err := g.CheckURL("https://10.0.0.5/"); err != nil {
			t.Error(err)
		}
		got := lines(t, &log)
		if len(got) != 1 {
			t.Fatalf("%d lines, want one for the one address that would be blocked:\n%v", len(got), got)
		}
		delete(got[0], "time")
		want := map[string]any{
			"level": "WARN", "msg": "address would be blocked", "address": "10.0.0.5:443",
			"why": "the address 10.0.0.5:443 is in 10.0.0.0/8, private use (RFC 1918); an administrator can allow it with guard.exceptions: 10.0.0.5:443",
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}

		log.Reset()
		for port := range 1000 { // someone tries every port
			check(fmt.Sprintf("10.0.0.6:%d", port+1))
		}
		if n := len(lines(t, &log)); n != 29 {
			t.Errorf("%d lines in a minute for a thousand addresses, want what is left of 30", n)
		}
		log.Reset()
		<-time.NewTimer(time.Hour).C
		check("10.0.0.5:443")
		got = lines(t, &log)
		if len(got) != 1 || got[0]["not_reported"] != 971.0 {
			t.Errorf("an hour later: %v, want the address again and the count of what was kept back", got)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	g, err := guard.New(guard.ReportOnly, []string{"10.0.0.0/8"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 200 {
				if err := g.Check(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, byte(worker), byte(i)}), 443)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
