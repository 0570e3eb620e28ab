package conntest

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// DNS is a name server on loopback, UDP and TCP, that answers what the test says and knows no other name. It is safe for
// concurrent use and stops with the test.
type DNS struct {
	address string
	stop    chan struct{}

	mu    sync.Mutex
	names map[string][]DNSAnswer
	asked map[dns.Question]int
}

// DNSAnswer is how a name is answered once. The zero value says that the name exists and has no address.
type DNSAnswer struct {
	Addresses []string      // IPv4 goes into answers to A, IPv6 into those to AAAA
	Alias     string        // a CNAME, followed in the same answer as a recursive server does
	Failure   int           // an rcode: dns.RcodeNameError, dns.RcodeServerFailure, dns.RcodeRefused, …
	Silent    bool          // no answer at all
	After     time.Duration // how long the answer takes
	TTL       uint32        // in seconds
}

// NXDomain says that there is no such name. So does a name of which the server was told nothing.
var NXDomain = DNSAnswer{Failure: dns.RcodeNameError}

// ServFail says that the server could not find out.
var ServFail = DNSAnswer{Failure: dns.RcodeServerFailure}

// Silence says nothing.
var Silence = DNSAnswer{Silent: true}

// Addresses answers with addresses, to be kept for no time.
func Addresses(addresses ...string) DNSAnswer {
	return DNSAnswer{Addresses: addresses}
}

// NewDNS starts a name server.
func NewDNS(t testing.TB) *DNS {
	t.Helper()
	packets, streams := listenDNS(t)
	d := &DNS{
		address: packets.LocalAddr().String(),
		stop:    make(chan struct{}),
		names:   map[string][]DNSAnswer{},
		asked:   map[dns.Question]int{},
	}
	servers := []*dns.Server{{PacketConn: packets}, {Listener: streams}}
	var running sync.WaitGroup
	for _, server := range servers {
		started := make(chan struct{})
		server.Handler = dns.HandlerFunc(d.serve)
		server.NotifyStartedFunc = func() { close(started) }
		running.Go(func() {
			if err := server.ActivateAndServe(); err != nil {
				t.Errorf("serve DNS: %v", err)
			}
		})
		<-started
	}
	t.Cleanup(func() {
		close(d.stop)
		for _, server := range servers {
			if err := server.Shutdown(); err != nil {
				t.Errorf("stop the name server: %v", err)
			}
		}
		running.Wait()
	})
	return d
}

// listenDNS opens one port for both protocols.
func listenDNS(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	var config net.ListenConfig
	var last error
	for range 20 { // the port that UDP was given may be taken in TCP
		packets, err := config.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("listen for DNS: %v", err)
		}
		streams, err := config.Listen(t.Context(), "tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, streams
		}
		last = err
		packets.Close()
	}
	t.Fatalf("listen for DNS: %v", last)
	return nil, nil
}

// Answer says how a name is answered from now on: the first query of a type gets the first answer, the second the second,
// and the last answer stays. A lookup asks for A and AAAA, so that each answer serves one lookup.
func (d *DNS) Answer(name string, answers ...DNSAnswer) {
	for _, a := range answers {
		for _, text := range a.Addresses {
			netip.MustParseAddr(text) // a mistake of the test shows where it was made
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	name = canonicalName(name)
	d.names[name] = answers
	for q := range d.asked {
		if q.Name == name {
			delete(d.asked, q)
		}
	}
}

// Queries is how many queries for a name have come since it was told how to answer, of both types of addresses.
func (d *DNS) Queries(name string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for q, asked := range d.asked {
		if q.Name == canonicalName(name) {
			n += asked
		}
	}
	return n
}

// Address is where the server listens, as host:port.
func (d *DNS) Address() string {
	return d.address
}

// Resolver asks this server only, whatever name servers the machine has.
func (d *DNS) Resolver() *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, d.address)
		},
	}
}

// serve answers one query.
func (d *DNS) serve(w dns.ResponseWriter, query *dns.Msg) {
	reply := new(dns.Msg).SetReply(query)
	reply.RecursionAvailable = true
	var wait time.Duration
	if len(query.Question) == 1 {
		question := query.Question[0]
		question.Name = canonicalName(question.Name)
		var silent bool
		if wait, silent = d.fill(reply, question); silent {
			return
		}
	} else {
		reply.Rcode = dns.RcodeFormatError
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-d.stop:
			return
		}
	}
	if _, overUDP := w.RemoteAddr().(*net.UDPAddr); overUDP {
		size := dns.MinMsgSize
		if extension := query.IsEdns0(); extension != nil {
			size = int(extension.UDPSize())
		}
		reply.Truncate(size) // what does not fit is asked for again over TCP
	}
	_ = w.WriteMsg(reply) // a client that has gone is not news
}

// fill writes the answer to a question, aliases included, and says how long to wait with it.
func (d *DNS) fill(reply *dns.Msg, question dns.Question) (wait time.Duration, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range 32 { // aliases may go round
		answers, nth := d.names[question.Name], d.asked[question]
		d.asked[question]++
		if len(answers) == 0 {
			reply.Rcode = dns.RcodeNameError
			return wait, false
		}
		a := answers[min(nth, len(answers)-1)]
		wait += a.After
		if a.Silent {
			return wait, true
		}
		for _, text := range a.Addresses {
			if record := addressRecord(question, text, a.TTL); record != nil {
				reply.Answer = append(reply.Answer, record)
			}
		}
		reply.Rcode = a.Failure
		if a.Alias == "" {
			return wait, false
		}
		alias := canonicalName(a.Alias)
		reply.Answer = append(reply.Answer, &dns.CNAME{Hdr: header(question.Name, dns.TypeCNAME, a.TTL), Target: alias})
		question.Name = alias
	}
	reply.Rcode = dns.RcodeServerFailure
	return wait, false
}

// addressRecord is the record of an address, nil if the question was for the other type.
func addressRecord(question dns.Question, text string, ttl uint32) dns.RR {
	addr := netip.MustParseAddr(text)
	switch {
	case addr.Is4() && question.Qtype == dns.TypeA:
		return &dns.A{Hdr: header(question.Name, dns.TypeA, ttl), A: addr.AsSlice()}
	case addr.Is6() && question.Qtype == dns.TypeAAAA:
		return &dns.AAAA{Hdr: header(question.Name, dns.TypeAAAA, ttl), AAAA: addr.AsSlice()}
	}
	return nil
}

// header begins a record.
func header(name string, kind uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

// canonicalName is a name in lower case with its final dot.
func canonicalName(name string) string {
	return strings.ToLower(dns.Fqdn(name))
}
