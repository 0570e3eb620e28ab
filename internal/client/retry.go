package client

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxAttempts is how often a request is made in all.
	maxAttempts = 5
	// firstPause is how long to wait where the service does not say; it doubles.
	firstPause = time.Second
)

// send makes a request, and makes it again when the service says that it has too much to do: after as long as it says, a
// few times, and only while the time to wait lasts. The last answer counts.
func (c *Client) send(ctx context.Context, method, target string, content []byte, header http.Header) (*Response, error) {
	left := c.options.MaxWait
	for n := 1; ; n++ {
		res, err := c.attempt(ctx, method, target, content, header)
		if err != nil || n == maxAttempts {
			return res, err
		}
		if res.Status != http.StatusTooManyRequests && res.Status != http.StatusServiceUnavailable {
			return res, nil
		}
		pause := retryAfter(res.Header.Get("Retry-After"), firstPause<<(n-1), time.Now())
		if pause > left {
			return res, nil
		}
		left -= pause
		if err := wait(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// retryAfter reads the header of that name: seconds or a date (RFC 9110 section 10.2.3); otherwise if it is neither.
func retryAfter(value string, otherwise time.Duration, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return otherwise
}

// wait lets time pass, less if ctx ends.
func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
