package conntest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/conntest"
)

// lookup resolves a name by the server alone, in order.
func lookup(t *testing.T, r *net.Resolver, name string) ([]string, error) {
	t.Helper()
	addresses, err := r.LookupHost(t.Context(), name+".") // the final dot keeps the machine's search list out
	slices.Sort(addresses)
	return addresses, err
}

func TestDNSAnswers(t *testing.T) {
	t.Parallel()
	d := conntest.NewDNS(t)
	r := d.Resolver()
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("10.0.0.%d", i))
	}
	slices.Sort(many)
	d.Answer("both.test", conntest.Addresses("192.0.2.1", "2001:db8::1"))
	d.Answer("many.test", conntest.Addresses(many...)) // does not fit into a datagram
	d.Answer("first.test", conntest.DNSAnswer{Alias: "second.test"})
	d.Answer("second.test", conntest.DNSAnswer{Alias: "both.test", TTL: 60})
	d.Answer("nowhere.test", conntest.DNSAnswer{Alias: "unknown.test"})
	d.Answer("slow.test", conntest.DNSAnswer{Addresses: []string{"192.0.2.2"}, After: 30 * time.Millisecond})
	for name, want := range map[string][]string{
		"both.test": {"192.0.2.1", "2001:db8::1"}, "BOTH.Test": {"192.0.2.1", "2001:db8::1"}, "first.test": {"192.0.2.1", "2001:db8::1"},
		"many.test": many, "slow.test": {"192.0.2.2"},
	} {
		began := time.Now()
		got, err := lookup(t, r, name)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if name == "slow.test" && time.Since(began) < 30*time.Millisecond {
			t.Errorf("%s came at once", name)
		}
	}

	d.Answer("gone.test", conntest.NXDomain)
	d.Answer("empty.test", conntest.DNSAnswer{})
	d.Answer("round.test", conntest.DNSAnswer{Alias: "round.test"})
	d.Answer("broken.test", conntest.ServFail)
	for name, notFound := range map[string]bool{
		"gone.test": true, "never-told.test": true, "empty.test": true, "nowhere.test": true, "broken.test": false, "round.test": false,
	} {
		var failure *net.DNSError
		if got, err := lookup(t, r, name); !errors.As(err, &failure) || failure.IsNotFound != notFound {
			t.Errorf("%s: %v, %v; want a failure with IsNotFound %t", name, got, err, notFound)
		}
	}
}

func TestDNSChangesAtEachQuery(t *testing.T) {
	t.Parallel()
	d := conntest.NewDNS(t)
	r := d.Resolver()
	rebinding := []conntest.DNSAnswer{conntest.Addresses("192.0.2.1"), conntest.Addresses("127.0.0.1", "::1"), conntest.NXDomain, conntest.Addresses("192.0.2.3")}
	for range 2 { // telling it anew begins anew
		d.Answer("turn.test", rebinding...)
		for i, want := range [][]string{{"192.0.2.1"}, {"127.0.0.1", "::1"}, nil, {"192.0.2.3"}, {"192.0.2.3"}} {
			got, err := lookup(t, r, "turn.test")
			if !slices.Equal(want, got) || (err == nil) != (want != nil) {
				t.Errorf("lookup %d: %v, %v; want %v", i+1, got, err, want)
			}
		}
		if n := d.Queries("Turn.test"); n != 10 {
			t.Errorf("%d queries, want 5 for each type of address", n)
		}
	}
	if n := d.Queries("other.test"); n != 0 {
		t.Errorf("%d queries for a name that nobody asked for", n)
	}
}

func TestDNSSilence(t *testing.T) {
	t.Parallel()
	d := conntest.NewDNS(t)
	d.Answer("silent.test", conntest.Silence)
	d.Answer("late.test", conntest.DNSAnswer{Addresses: []string{"192.0.2.1"}, After: time.Hour}) // and the test ends at once
	for _, name := range []string{"silent.test", "late.test"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := d.Resolver().LookupHost(ctx, name+".")
		cancel()
		var failure *net.DNSError
		if !errors.As(err, &failure) || !failure.IsTimeout {
			t.Errorf("%s: %v, want a timeout", name, err)
		}
		if d.Queries(name) == 0 {
			t.Errorf("%s was never asked for", name)
		}
	}
}

func TestDNSConcurrentUse(t *testing.T) {
	t.Parallel()
	d := conntest.NewDNS(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			name := fmt.Sprintf("name-%d.test", i%4)
			for range 20 {
				d.Answer(name, conntest.Addresses("192.0.2.1"))
				if _, err := lookup(t, d.Resolver(), name); err != nil {
					t.Error(err)
				}
				d.Queries(name)
			}
		})
	}
	all.Wait()
}
