package load

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/trials/wire"
)

// book is a ledger with a clock that the test moves, and a connector "a" in write 1.
type book struct {
	*Ledger
	time time.Time
}

func newBook() *book {
	b := &book{Ledger: NewLedger(&Findings{}), time: time.Unix(1_800_000_000, 0)}
	b.Now = func() time.Time { return b.time }
	b.Creating(1)
	b.Created("a", 1)
	return b
}

// wrote writes the connector with this outcome.
func (b *book) wrote(s Serial, outcome wire.Outcome) {
	b.time = b.time.Add(time.Second)
	b.Settle(b.Begin("a", s), outcome)
}

// saw looks at the connector and sees a write.
func (b *book) saw(s Serial) {
	b.time = b.time.Add(time.Second)
	w := b.Watch("a")
	b.Saw(w, "a", s)
	b.Close(w)
}

// TestLedger tells what may be seen of a connector and what may not.
func TestLedger(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(*book)
		want    Kind // of the only finding; empty: there is none
	}{
		"the last acknowledged write":          {func(b *book) { b.wrote(2, wire.Done); b.saw(2) }, ""},
		"one before it":                        {func(b *book) { b.wrote(2, wire.Done); b.saw(1) }, Lost},
		"gone":                                 {func(b *book) { b.saw(Absent) }, Lost},
		"a write that nobody sent":             {func(b *book) { b.saw(7) }, Lost},
		"a refused write":                      {func(b *book) { b.wrote(2, wire.Refused); b.saw(2) }, Ghost},
		"not the refused write":                {func(b *book) { b.wrote(2, wire.Refused); b.saw(1) }, ""},
		"an unknown write, or not":             {func(b *book) { b.wrote(2, wire.Unknown); b.saw(1); b.saw(2) }, ""},
		"an unknown write that goes away":      {func(b *book) { b.wrote(2, wire.Unknown); b.saw(2); b.saw(1) }, Lost},
		"two unknown writes, in either order":  {func(b *book) { b.wrote(2, wire.Unknown); b.wrote(3, wire.Unknown); b.saw(3); b.saw(2) }, ""},
		"an unknown write, late, over another": {func(b *book) { b.wrote(2, wire.Unknown); b.wrote(3, wire.Done); b.saw(3); b.saw(2) }, ""},
		"an unknown write behind its horizon": {func(b *book) {
			b.wrote(2, wire.Unknown)
			b.time = b.time.Add(Horizon)
			b.wrote(3, wire.Done)
			b.saw(2)
		}, Lost},
		"an unknown write not seen behind its horizon": {func(b *book) {
			b.wrote(2, wire.Unknown)
			b.time = b.time.Add(Horizon)
			b.saw(1)
			b.saw(2)
		}, Lost},
		"deleted":             {func(b *book) { b.wrote(Absent, wire.Done); b.saw(Absent) }, ""},
		"deleted, and there":  {func(b *book) { b.wrote(Absent, wire.Done); b.saw(1) }, Lost},
		"perhaps deleted":     {func(b *book) { b.wrote(Absent, wire.Unknown); b.saw(1); b.saw(Absent) }, ""},
		"perhaps, then there": {func(b *book) { b.wrote(Absent, wire.Unknown); b.saw(Absent); b.saw(1) }, Lost},
		"deleted, looked over, and there": {func(b *book) {
			b.wrote(Absent, wire.Done)
			b.Close(b.Watch(""))
			b.saw(1)
		}, Lost},
		"found deleted by another client, and written": {func(b *book) {
			b.wrote(Absent, wire.Unknown)
			w := b.Watch("")
			b.Saw(w, "a", Absent)
			b.Close(w)
			b.Close(b.Watch(""))
			b.wrote(2, wire.Refused)
			b.saw(Absent)
		}, ""},
		"a window over a write": {func(b *book) {
			w := b.Watch("a")
			b.wrote(2, wire.Done)
			b.wrote(3, wire.Done)
			b.Saw(w, "a", 1)
			b.Saw(w, "a", 2)
			b.Saw(w, "a", 3)
			b.Close(w)
		}, ""},
		"a window behind a write": {func(b *book) {
			b.wrote(2, wire.Done)
			w := b.Watch("")
			b.wrote(3, wire.Done)
			b.Saw(w, "a", 1)
			b.Close(w)
		}, Lost},
		"a look beside a write settles nothing": {func(b *book) {
			b.wrote(2, wire.Unknown)
			w := b.Watch("a")
			b.wrote(3, wire.Done)
			b.Saw(w, "a", 2)
			b.Close(w)
			b.saw(3)
		}, ""},
		"a look beside a write that began before it settles nothing": {func(b *book) {
			b.wrote(2, wire.Unknown)
			a := b.Begin("a", 3)
			w := b.Watch("a")
			b.Settle(a, wire.Done)
			b.Saw(w, "a", 2)
			b.Close(w)
			b.saw(3)
		}, ""},
		"two looks beside one another settle one thing": {func(b *book) {
			b.wrote(2, wire.Unknown)
			b.wrote(3, wire.Unknown)
			first, second := b.Watch("a"), b.Watch("a")
			b.Saw(second, "a", 3)
			b.Saw(first, "a", 2)
			b.Close(first)
			b.Close(second)
			b.saw(3)
		}, ""},
		"a write that is under way, seen, and then refused": {func(b *book) {
			a := b.Begin("a", 2)
			b.saw(2)
			b.Settle(a, wire.Refused)
		}, Ghost},
		"its own deletion explains no 404 once it is refused": {func(b *book) {
			w := b.Watch("a")
			a := b.Begin("a", Absent)
			b.Settle(a, wire.Refused)
			b.Saw(w, "a", Absent)
			b.Close(w)
		}, Lost},
		"a connector of unknown id": {func(b *book) {
			b.Creating(2)
			w := b.Watch("")
			b.Saw(w, "b", 2)
			b.Close(w)
		}, ""},
		"a connector whose making was refused": {func(b *book) {
			b.Creating(2)
			b.NotCreated(2)
			w := b.Watch("")
			b.Saw(w, "b", 2)
			b.Close(w)
		}, Ghost},
		"a connector that nobody made": {func(b *book) {
			w := b.Watch("")
			b.Saw(w, "b", 2)
			b.Close(w)
		}, Lost},
		"a connector made within the window": {func(b *book) {
			w := b.Watch("")
			b.Creating(2)
			b.Created("b", 2)
			b.Saw(w, "b", Absent)
			b.Saw(w, "b", 2)
			b.Close(w)
		}, ""},
	} {
		b := newBook()
		c.happens(b)
		var got Kind
		if found := b.Findings.All(); len(found) == 1 {
			got = found[0].Kind
		} else if len(found) > 1 {
			t.Errorf("%s: %v", name, found)
		}
		if got != c.want {
			t.Errorf("%s: found %q, want %q: %v", name, got, c.want, b.Findings.All())
		}
	}
}

// TestSerialOf tells whole connectors from those that are in parts of several writes.
func TestSerialOf(t *testing.T) {
	t.Parallel()
	whole := Serial(17).connector("https://192.0.2.1:8444")
	if s, err := serialOf(whole); s != 17 || err != nil {
		t.Errorf("write 17 is read as %s, %v", s, err)
	}
	for part, spoil := range map[string]func(*wire.Connector){
		"name":      func(c *wire.Connector) { c.DisplayName = "Trial 16" },
		"URL":       func(c *wire.Connector) { c.TargetURL = "https://192.0.2.1:8444/16" },
		"user name": func(c *wire.Connector) { c.Authentication = wire.Basic("user 16", "") },
		"none":      func(c *wire.Connector) { c.Authentication = nil },
		"other":     func(c *wire.Connector) { *c = wire.Connector{DisplayName: "New"} },
	} {
		c := whole
		spoil(&c)
		if s, err := serialOf(c); err == nil {
			t.Errorf("with another %s it is read as write %s", part, s)
		}
	}
}

// TestRegister finds what is missing, once, and everything again.
func TestRegister(t *testing.T) {
	t.Parallel()
	var r Register
	look := func(everything bool, found ...string) []string {
		s := r.search(everything)
		for _, id := range found {
			s.found(id)
		}
		return s.end()
	}
	r.Add("a")
	r.Add("b")
	if got := look(false, "a"); !cmp.Equal(got, []string{"b"}) {
		t.Errorf("missing %v, want b", got)
	}
	r.Add("c")
	if got := look(false, "c"); len(got) > 0 {
		t.Errorf("missing %v, want nothing: b was told before", got)
	}
	if got := look(true, "c"); !cmp.Equal(got, []string{"a", "b"}) {
		t.Errorf("of everything %v is missing, want a and b", got)
	}
}

// TestJourneys finds a decision that changes.
func TestJourneys(t *testing.T) {
	t.Parallel()
	var findings Findings
	j := Journeys{Findings: &findings}
	d := wire.Decision{Action: "Continue", InvocationID: "i", Claims: map[string]string{numberClaim: "1"}}
	if !j.Heard("k", "f", d) || j.Heard("k", "f", d) {
		t.Error("the first hearing is not told from the second")
	}
	if found := findings.All(); len(found) > 0 {
		t.Fatalf("the same decision again: %v", found)
	}
	d.Claims = map[string]string{numberClaim: "2"}
	j.Heard("k", "f", d)
	if found := findings.All(); len(found) != 1 || found[0].Kind != Changed {
		t.Errorf("another decision: %v", found)
	}
}

// TestServed tells when service is back from the answers to probes.
func TestServed(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	probe := func(sent, answered int, served bool) shot { return shot{at(sent), at(answered), served} }
	for name, c := range map[string]struct {
		sent []shot
		want int // ms; -1: not yet
	}{
		"nothing was noticed":            {[]shot{probe(10, 20, true), probe(60, 70, true)}, 20},
		"sent before the fault":          {[]shot{probe(-10, 5, true), probe(60, 70, true)}, 70},
		"failed before the fault":        {[]shot{probe(-10, 5, false), probe(60, 70, true)}, 70},
		"both before the fault":          {[]shot{probe(-10, 5, false), probe(-5, 3, true), probe(60, 70, true)}, 70},
		"one answered among failures":    {[]shot{probe(10, 20, false), probe(60, 70, true), probe(110, 120, false), probe(160, 180, true)}, 180},
		"a slow failure sent before":     {[]shot{probe(10, 2010, false), probe(60, 70, true)}, 70},
		"the slowest is not waited for":  {[]shot{probe(10, 20, false), probe(60, 900, true), probe(110, 120, true)}, 120},
		"not yet":                        {[]shot{probe(10, 20, true), probe(60, 70, false)}, -1},
		"nothing was answered until now": {nil, -1},
	} {
		got, ok := served(c.sent, start)
		if ok != (c.want >= 0) || ok && !got.Equal(at(c.want)) {
			t.Errorf("%s: %s, %t, want %d ms", name, got.Sub(start), ok, c.want)
		}
	}
}

// TestCountsSince subtracts.
func TestCountsSince(t *testing.T) {
	t.Parallel()
	before := Counts{Writes: [3]int64{1, 0, 0}, Decided: 1, Failed: map[string]int64{"x": 1}}
	now := Counts{Writes: [3]int64{4, 2, 1}, Steps: [3]int64{5, 0, 0}, Decided: 3, Failed: map[string]int64{"x": 1, "y": 2}}
	got := now.Since(before)
	want := Counts{Writes: [3]int64{3, 2, 1}, Steps: [3]int64{5, 0, 0}, Decided: 2, Failed: map[string]int64{"y": 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Requests() != 11 || got.Unserved() != 3 {
		t.Errorf("%d requests, %d not served", got.Requests(), got.Unserved())
	}
}

// TestFindingsHaveNoSecret: what is found is printed.
func TestFindingsHaveNoSecret(t *testing.T) {
	t.Parallel()
	_, err := sameSerial("1", strings.TrimPrefix("user 1", usernamePrefix), strings.TrimPrefix("password 2", passwordPrefix))
	if err == nil || strings.Contains(err.Error(), passwordPrefix) {
		t.Errorf("half of a secret: %v", err)
	}
}
