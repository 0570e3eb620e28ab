package outbound

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

const (
	// worthwhile is the least time that an attempt is begun with.
	worthwhile = 5 * time.Millisecond
	// maxRetryAfter bounds what is believed, so that no sum overflows; it is longer than any budget.
	maxRetryAfter = 24 * time.Hour
)

// noAnswer are the reasons after which a further attempt may help, because no answer came and nothing says that none ever
// will (runtime contract 5.4: one retry on no answer).
var noAnswer = map[apiconn.DecisionReason]bool{
	apiconn.ReasonDNSFailed:        true,
	apiconn.ReasonDNSTimeout:       true,
	apiconn.ReasonConnectRefused:   true,
	apiconn.ReasonConnectTimeout:   true,
	apiconn.ReasonConnectFailed:    true,
	apiconn.ReasonTLSTimeout:       true,
	apiconn.ReasonTLSFailed:        true,
	apiconn.ReasonConnectionReset:  true,
	apiconn.ReasonConnectionClosed: true,
	apiconn.ReasonRequestTimeout:   true,
	apiconn.ReasonAnswerTimeout:    true,
}

// retryAfter says whether a further attempt is due after attempt number n, and how long to wait before it.
func retryAfter(call Call, n int, a apiconn.Attempt) (pause time.Duration, again bool) {
	if n >= call.Settings.Attempts {
		return 0, false
	}
	left := time.Until(call.Deadline) - worthwhile
	switch {
	case a.Reason != "":
		return 0, left > 0 && a.Status == 0 && noAnswer[a.Reason]
	case a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable:
		return a.RetryAfter, a.RetryAfter > 0 && a.RetryAfter < left
	}
	return 0, false
}

// parseRetryAfter reads the header Retry-After (RFC 9110 section 10.2.3): seconds or a date. It returns 0 if there is none
// or it cannot be read, and at least a millisecond otherwise.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	pause := maxRetryAfter
	if strings.Trim(value, "0123456789") == "" {
		if seconds, err := strconv.ParseInt(value, 10, 64); err == nil && seconds < int64(maxRetryAfter/time.Second) {
			pause = time.Duration(seconds) * time.Second
		}
	} else {
		at, err := http.ParseTime(value)
		if err != nil {
			return 0
		}
		pause = at.Sub(now)
	}
	return min(max(pause, time.Millisecond), maxRetryAfter)
}
