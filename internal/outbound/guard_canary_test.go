package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/guard"
	"github.com/patchbay/patchbay/internal/outbound"
)

// The tests of this file prove that no packet reaches a place that the guard forbids. Canaries listen on this machine's own
// addresses; what is called are addresses and names that must be refused. Nothing public is ever dialled: where a test
// needs an address that is allowed, an exception makes one of loopback.

// newGuard is an enforcing guard with exceptions.
func newGuard(t *testing.T, exceptions ...string) *guard.Guard {
	t.Helper()
	g, err := guard.New(guard.Enforce, exceptions, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// caller calls targets, each as a connector of its own, so that no breaker stands between a target and the guard.
type caller struct {
	client *outbound.Client
	calls  int
}

func newCaller(t *testing.T, g *guard.Guard, d *conntest.DNS) *caller {
	t.Helper()
	c := outbound.New(outbound.Options{Guard: g, Resolver: d.Resolver(), AllowHTTP: true})
	t.Cleanup(c.Close)
	return &caller{client: c}
}

func (c *caller) call(t *testing.T, target string) outbound.Result {
	t.Helper()
	c.calls++
	return c.client.Do(t.Context(), outbound.Call{
		Connector: fmt.Sprintf("tenant/%d", c.calls), URL: target, Body: []byte(`{}`), InvocationID: "1", Deadline: time.Now().Add(5 * time.Second),
	})
}

// blocked calls a target that must be refused by the guard.
func (c *caller) blocked(t *testing.T, target, words string) {
	t.Helper()
	r := c.call(t, target)
	if r.Reason != apiconn.ReasonAddressBlocked || r.Status != 0 || len(r.Attempts) > 1 {
		t.Errorf("%s: reason %q, status %d, %d attempts (%s); want it blocked at once", target, r.Reason, r.Status, len(r.Attempts), r.Detail)
	}
	if !strings.Contains(r.Detail, words) {
		t.Errorf("%s: %q does not say %q", target, r.Detail, words)
	}
}

// refusedSpellings are the refused lines of the guard's corpus, as URLs that lead to a port: all, and those whose host is
// a plain address.
func refusedSpellings(t *testing.T, port string) (targets []string, addresses []netip.Addr) {
	t.Helper()
	data, err := os.ReadFile("../guard/testdata/addresses.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) < 4 || f[0] != "refuse" {
			continue
		}
		host := f[2]
		switch f[1] {
		case "url":
			if u, err := url.Parse(host); err == nil && u.Port() != "0" && len(u.Port()) < 5 && u.Hostname() != "" {
				u.Host = strings.TrimSuffix(u.Host, ":"+u.Port()) + ":" + port
				host = u.String()
			}
			targets = append(targets, host)
			continue
		case "address":
			addr := netip.MustParseAddr(host)
			addresses = append(addresses, addr)
			host = strings.ReplaceAll(host, "%", "%25")
			if addr.Is6() {
				host = "[" + host + "]"
			}
		default:
			for _, ending := range []string{":8443", ":00443", ":443", ":"} {
				host = strings.TrimSuffix(host, ending)
			}
		}
		targets = append(targets, "https://"+host+":"+port+"/", "http://"+host+":"+port+"/?x=1")
	}
	return targets, addresses
}

func TestCanarySpellings(t *testing.T) {
	t.Parallel()
	own := ownAddresses(t)
	birds, d := newCanary(t, 0, own...), conntest.NewDNS(t)
	c := newCaller(t, nil, d)
	targets, _ := refusedSpellings(t, birds.port)
	if len(targets) < 600 {
		t.Errorf("only %d targets", len(targets))
	}
	for _, addr := range own {
		targets = append(targets, "https://"+net.JoinHostPort(strings.ReplaceAll(addr.String(), "%", "%25"), birds.port)+"/")
	}
	for _, target := range targets {
		u, err := url.Parse(target)
		if err == nil && u.Hostname() != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http") {
			c.blocked(t, target, "the address ")
		} else if r := c.call(t, target); r.Reason != apiconn.ReasonTargetURLUnusable {
			t.Errorf("%s: reason %q (%s), want the URL refused", target, r.Reason, r.Detail)
		}
	}
	birds.silent(t)
}

func TestCanaryNames(t *testing.T) {
	t.Parallel()
	own := ownAddresses(t)
	birds, d := newCanary(t, 0, own...), conntest.NewDNS(t)
	c := newCaller(t, nil, d)
	_, addresses := refusedSpellings(t, birds.port)
	for i, addr := range append(addresses, own...) {
		if addr.Zone() != "" {
			continue // DNS has no zones
		}
		name := fmt.Sprintf("special-%d.test", i)
		d.Answer(name, conntest.Addresses(addr.String()))
		c.blocked(t, "https://"+net.JoinHostPort(name, birds.port)+"/", "the address ")
	}
	d.Answer("alias.test", conntest.DNSAnswer{Alias: "longer.test"})
	d.Answer("longer.test", conntest.DNSAnswer{Alias: "loopback.test"})
	d.Answer("loopback.test", conntest.Addresses("127.0.0.1", "::1"))
	d.Answer("localhost", conntest.Addresses("127.0.0.1")) // for what the hosts file does not know, as with a final dot
	d.Answer("many.test", conntest.Addresses("10.0.0.5", "127.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1"))
	for _, name := range []string{"alias.test", "loopback.test", "many.test", "LOOPBACK.test.", "localhost", "localhost."} {
		c.blocked(t, "https://"+name+":"+birds.port+"/", "the address ")
		c.blocked(t, "http://"+name+":"+birds.port+"/", "the address ")
	}
	d.Answer("gone.test", conntest.NXDomain)
	d.Answer("broken.test", conntest.ServFail)
	for name, want := range map[string]apiconn.DecisionReason{"gone.test": apiconn.ReasonDNSNotFound, "broken.test": apiconn.ReasonDNSFailed} {
		if r := c.call(t, "https://"+name+":"+birds.port+"/"); r.Reason != want {
			t.Errorf("%s: reason %q (%s), want %q", name, r.Reason, r.Detail, want)
		}
	}
	birds.silent(t)
}

// allowed serves HTTP at an address that an exception opens, and hears nothing but the paths it is asked for.
func allowed(t *testing.T, at netip.Addr, handler http.HandlerFunc) (port int) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(at.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port
}

// TestCanaryRebinding: a name that is fit when it is looked at and loopback when it is called.
func TestCanaryRebinding(t *testing.T) {
	t.Parallel()
	d, good, bad := conntest.NewDNS(t), loopback2(t), netip.MustParseAddr("127.0.0.1")
	port := allowed(t, good, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	birds := newCanary(t, port, bad)
	c := newCaller(t, newGuard(t, netip.AddrPortFrom(good, uint16(port)).String()), d)

	// Whoever asked before the call was told a public address; the call must not rely on that.
	d.Answer("public-first.test", conntest.Addresses("8.8.8.8"), conntest.Addresses("127.0.0.1"))
	if seen, err := d.Resolver().LookupHost(t.Context(), "public-first.test."); err != nil || !slices.Equal(seen, []string{"8.8.8.8"}) {
		t.Fatalf("the first lookup: %v, %v", seen, err)
	}
	c.blocked(t, "http://public-first.test:"+birds.port+"/", "127.0.0.1:"+birds.port+" is in 127.0.0.0/8, loopback")

	// And what one lookup of a call found is what is dialled: the allowed address, and with the next call the forbidden
	// one. Were there a lookup for the check and another for the connection, the canary would hear the first call.
	for i := range 20 {
		name := fmt.Sprintf("turn-%d.test", i)
		d.Answer(name, conntest.Addresses(good.String()), conntest.Addresses("127.0.0.1"))
		if r := c.call(t, "http://"+name+":"+birds.port+"/"); r.Status != http.StatusOK {
			t.Errorf("the allowed address: reason %q (%s)", r.Reason, r.Detail)
		}
		c.blocked(t, "http://"+name+":"+birds.port+"/", "loopback")
	}

	// One answer with both: the forbidden one is passed over.
	d.Answer("mixed.test", conntest.Addresses("127.0.0.1", good.String()))
	if r := c.call(t, "http://mixed.test:"+birds.port+"/"); r.Status != http.StatusOK && r.Reason != apiconn.ReasonAddressBlocked {
		t.Errorf("an answer with both: reason %q (%s)", r.Reason, r.Detail)
	}
	birds.silent(t)
}

// TestCanaryRedirects: an allowed target that points elsewhere, in every way that HTTP has.
func TestCanaryRedirects(t *testing.T) {
	t.Parallel()
	birds, d, good := newCanary(t, 0, netip.MustParseAddr("127.0.0.1")), conntest.NewDNS(t), loopback2(t)
	elsewhere := "127.0.0.1:" + birds.port
	asked := 0
	port := allowed(t, good, func(w http.ResponseWriter, r *http.Request) {
		asked++
		var status int
		fmt.Sscanf(r.URL.Path, "/%d", &status)
		for header, value := range map[string]string{
			"Location": "http://" + elsewhere + "/", "Content-Location": "http://" + elsewhere + "/", "Refresh": "0; url=http://" + elsewhere + "/",
			"Alt-Svc": fmt.Sprintf(`h2=%q, h3=%q; ma=60`, elsewhere, elsewhere), "Link": "<http://" + elsewhere + "/>; rel=preload", "Connection": "close",
		} {
			w.Header().Set(header, value)
		}
		w.WriteHeader(status)
	})
	to := netip.AddrPortFrom(good, uint16(port)).String()
	c := newCaller(t, newGuard(t, to), d)
	statuses := []int{200, 201, 300, 301, 302, 303, 305, 307, 308, 399, 421}
	for _, status := range statuses {
		if r := c.call(t, fmt.Sprintf("http://%s/%d", to, status)); r.Status != status || r.Reason != "" {
			t.Errorf("status %d: %d, reason %q (%s); want the answer as it is", status, r.Status, r.Reason, r.Detail)
		}
	}
	if asked < len(statuses) {
		t.Errorf("the target was asked %d times", asked)
	}
	birds.silent(t)
}

// TestCanaryExceptions: an exception opens the network and the port that it names, and no other.
func TestCanaryExceptions(t *testing.T) {
	t.Parallel()
	d, here, there := conntest.NewDNS(t), netip.MustParseAddr("127.0.0.1"), loopback2(t)
	open := newCanary(t, 0, here)
	var port int
	fmt.Sscan(open.port, &port)
	otherPort, otherAddress := newCanary(t, 0, here), newCanary(t, port, there)
	c := newCaller(t, newGuard(t, "127.0.0.1:"+open.port), d)
	d.Answer("here.test", conntest.Addresses("127.0.0.1"))
	d.Answer("there.test", conntest.Addresses(there.String()))
	for i, host := range []string{"127.0.0.1", "here.test", "localhost", "[::ffff:127.0.0.1]"} {
		if r := c.call(t, "http://"+host+":"+open.port+"/"); r.Reason == apiconn.ReasonAddressBlocked {
			t.Errorf("%s, which an exception names: %s", host, r.Detail)
		}
		if n := open.count(t); n <= i {
			t.Errorf("%s, which an exception names: the canary heard %d calls", host, n)
		}
		c.blocked(t, "http://"+host+":"+otherPort.port+"/", "127.0.0.0/8")
	}
	c.blocked(t, "http://"+net.JoinHostPort(there.String(), open.port)+"/", "loopback")
	c.blocked(t, "http://there.test:"+open.port+"/", "loopback")
	otherPort.silent(t)
	otherAddress.silent(t)
}

// proxied is set in the process that TestCanaryProxies starts: Go reads the proxy variables once in a process.
const proxied = "PATCHBAY_TEST_CANARY"

// TestCanaryProxies: the variables by which the environment names a proxy are not heeded.
func TestCanaryProxies(t *testing.T) {
	t.Parallel()
	if os.Getenv(proxied) != "" {
		callProxied(t, os.Getenv(proxied))
		return
	}
	birds, good := newCanary(t, 0, netip.MustParseAddr("127.0.0.1")), loopback2(t)
	port := allowed(t, good, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	to := netip.AddrPortFrom(good, uint16(port)).String()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestCanaryProxies$", "-test.count=1")
	child.Env = append(os.Environ(), proxied+"="+to, "NO_PROXY=", "no_proxy=")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		child.Env = append(child.Env, name+"=http://127.0.0.1:"+birds.port)
	}
	if output, err := child.CombinedOutput(); err != nil {
		t.Errorf("calls with the proxy variables set: %v\n%s", err, output)
	}
	birds.silent(t)
}

// callProxied calls the target by a name, since Go never uses a proxy for loopback that is written as such.
func callProxied(t *testing.T, to string) {
	t.Helper()
	at := netip.MustParseAddrPort(to)
	target := fmt.Sprintf("http://target.test:%d/", at.Port())
	for _, scheme := range []string{"http", "https"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.Replace(target, "http", scheme, 1), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if proxy, err := http.ProxyFromEnvironment(req); err != nil || proxy == nil {
			t.Fatalf("the variables name no proxy for %s, so that this test proves nothing: %v", scheme, err)
		}
	}
	d := conntest.NewDNS(t)
	d.Answer("target.test", conntest.Addresses(at.Addr().String()))
	d.Answer("blocked.test", conntest.Addresses("10.0.0.5"))
	c := newCaller(t, newGuard(t, to), d)
	if r := c.call(t, target); r.Status != http.StatusTeapot {
		t.Errorf("status %d, reason %q (%s)", r.Status, r.Reason, r.Detail)
	}
	c.call(t, strings.Replace(target, "http", "https", 1)) // not TLS: it fails, but where it should
	c.blocked(t, "https://blocked.test/", "private use")
	c.blocked(t, "http://blocked.test/", "private use")
}
