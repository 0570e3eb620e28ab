// Package figures writes what the trials measured, as tables in Markdown.
package figures

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// Table writes rows, of which the first is the head, as a table.
func Table(w io.Writer, rows [][]string) error {
	var text strings.Builder
	for i, row := range rows {
		text.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			text.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// Number writes a number.
func Number[N int | int64](n N) string { return fmt.Sprint(n) }

// Seconds writes a duration.
func Seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// Quantile is the smallest duration that a share of all are not above; 0 of none.
func Quantile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// Spread are the median, the 99th percentile and the maximum.
func Spread(all []time.Duration) []string {
	return []string{Seconds(Quantile(all, 0.5)), Seconds(Quantile(all, 0.99)), Seconds(Quantile(all, 1))}
}
