package figures

import (
	"strings"
	"testing"
	"time"
)

// TestQuantile takes the smallest duration that enough are not above.
func TestQuantile(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(100-i))
	}
	for share, want := range map[float64]time.Duration{0.5: 50, 0.99: 99, 1: 100} {
		if got := Quantile(all, share); got != want {
			t.Errorf("quantile %g is %d, want %d", share, got, want)
		}
	}
	if got := Quantile(nil, 0.5); got != 0 {
		t.Errorf("quantile of nothing is %d", got)
	}
	if got := Quantile([]time.Duration{7}, 0.5); got != 7 {
		t.Errorf("quantile of one is %d", got)
	}
}

// TestTable writes Markdown.
func TestTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := Table(&out, [][]string{{"a", "b"}, {"1", "2"}}); err != nil {
		t.Fatal(err)
	}
	if want := "| a | b |\n|---|---|\n| 1 | 2 |\n"; out.String() != want {
		t.Errorf("wrote %q, want %q", out.String(), want)
	}
}
