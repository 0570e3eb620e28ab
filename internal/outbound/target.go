package outbound

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/guard"
)

// target is where a call goes.
type target struct {
	url    *url.URL
	host   string // host and port as in the URL, for people
	origin string // scheme, host and port: what a circuit is about
}

// target reads a call's URL. What it refuses no attempt could mend.
func (c *Client) target(call Call) (target, *refusal) {
	u, err := url.Parse(call.URL)
	unusable := func(why string) (target, *refusal) {
		return target{}, &refusal{apiconn.ReasonTargetURLUnusable, "The connector's target URL " + why + ". Correct the connector's targetUrl."}
	}
	switch {
	case err != nil: // the error quotes the URL, query and all
		return unusable("cannot be read")
	case u.Scheme == "http" && !c.allowHTTP:
		return unusable("begins with http://, and calls go over TLS only")
	case u.Scheme != "https" && u.Scheme != "http":
		return unusable("does not begin with https://")
	case u.Hostname() == "":
		return unusable("names no host")
	case u.User != nil:
		return unusable("holds a user name before the host; the connector's authentication is the place for it")
	}
	if err := c.guard.CheckURL(call.URL); err != nil {
		return target{}, &refusal{apiconn.ReasonAddressBlocked, blockedDetail(u.Host, err)}
	}
	u.Fragment, u.RawFragment = "", ""
	return target{url: u, host: u.Host, origin: u.Scheme + "://" + strings.ToLower(u.Host)}, nil
}

// blockedDetail says what the guard refused and why.
func blockedDetail(host string, err error) string {
	why := "its address may not be called"
	var blocked *guard.Blocked
	if errors.As(err, &blocked) {
		why = blocked.Error()
	}
	return fmt.Sprintf("The target %s was not called: %s.", host, why)
}
