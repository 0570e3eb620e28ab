package guard

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// reportAgain is after how long one address is reported once more.
	reportAgain = time.Hour
	// reportsPerMinute bounds the lines, whatever is called.
	reportsPerMinute = 30
)

// reports writes what a report-only guard let through: each address once an hour, and no more than reportsPerMinute in
// all, so that nobody fills the log by calling.
type reports struct {
	log *slog.Logger

	mu       sync.Mutex
	last     map[string]time.Time // by sentence; at most an hour's lines
	minute   time.Time            // when the present minute of counting began
	lines    int                  // written in it
	unspoken int                  // kept back since the last line
}

// add reports one address, or counts it as kept back.
func (r *reports) add(b *Blocked) {
	sentence := b.Error()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if at, ok := r.last[sentence]; ok && now.Sub(at) < reportAgain {
		return
	}
	if now.Sub(r.minute) >= time.Minute {
		r.minute, r.lines = now, 0
		for s, at := range r.last {
			if now.Sub(at) >= reportAgain {
				delete(r.last, s)
			}
		}
	}
	if r.lines >= reportsPerMinute {
		r.unspoken++
		return
	}
	if r.last == nil {
		r.last = map[string]time.Time{}
	}
	r.last[sentence] = now
	r.lines++
	args := []any{"why", sentence}
	if b.Address.IsValid() {
		args = append(args, "address", b.Address.String())
	}
	if r.unspoken > 0 {
		args = append(args, "not_reported", r.unspoken)
		r.unspoken = 0
	}
	r.log.Warn("address would be blocked", args...)
}
