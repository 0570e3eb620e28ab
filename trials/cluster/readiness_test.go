package cluster

import (
	"testing"
	"time"
)

// TestSinceIsTheLastNodesLastReturn tells when all nodes are ready for good.
func TestSinceIsTheLastNodesLastReturn(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0)
	at := func(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }
	type look struct {
		node, second int
		ready        bool
	}
	for name, c := range map[string]struct {
		looks []look
		want  int // -1: not all are ready
	}{
		"never noticed":        {[]look{{0, -1, true}, {1, -1, true}, {0, 1, true}, {1, 1, true}}, 0},
		"one was away":         {[]look{{0, -1, true}, {1, -1, true}, {0, 1, false}, {1, 1, true}, {0, 2, false}, {0, 3, true}, {1, 3, true}, {0, 4, true}}, 3},
		"one was away twice":   {[]look{{0, -1, true}, {1, -1, true}, {0, 1, false}, {1, 1, true}, {0, 2, true}, {0, 3, false}, {0, 5, true}}, 5},
		"one is away":          {[]look{{0, -1, true}, {1, -1, true}, {0, 1, false}, {1, 1, true}}, -1},
		"one was not asked":    {[]look{{0, -1, true}, {1, -1, true}, {0, 1, true}}, -1},
		"both, one after":      {[]look{{0, 1, false}, {1, 1, false}, {1, 2, true}, {0, 7, true}, {1, 7, true}}, 7},
		"away before it began": {[]look{{0, -3, false}, {0, -2, true}, {1, -1, true}, {0, 1, true}, {1, 1, true}}, 0},
	} {
		r := &Readiness{nodes: make([]readiness, 2)}
		for _, l := range c.looks {
			r.note(l.node, at(l.second), l.ready)
		}
		got, ok := r.Since(start)
		if ok != (c.want >= 0) || ok && !got.Equal(at(c.want)) {
			t.Errorf("%s: %s, %t, want second %d", name, got.Sub(start), ok, c.want)
		}
	}
}

// TestParse reads facts with and without quotes.
func TestParse(t *testing.T) {
	t.Parallel()
	got := parse("# a comment = 1\nA=b\nURL='postgres://x?a=b&c=d'\n\nEMPTY=\n")
	if len(got) != 3 || got["A"] != "b" || got["URL"] != "postgres://x?a=b&c=d" || got["EMPTY"] != "" {
		t.Errorf("read %q", got)
	}
}
