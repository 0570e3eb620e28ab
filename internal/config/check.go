package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func notEmpty(v *string) func(*Config) string {
	return func(*Config) string {
		if *v == "" {
			return "must not be empty"
		}
		return ""
	}
}

// address checks host:port. The host may be empty (all interfaces), a name or an IP address.
func address(v *string, mayBeEmpty bool) func(*Config) string {
	return func(*Config) string {
		if *v == "" && mayBeEmpty {
			return ""
		}
		_, port, err := net.SplitHostPort(*v)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return fmt.Sprintf("must be host:port with a port from 0 to 65535, not %q", *v)
		}
		return ""
	}
}

func between(v *int64, low, high int64) func(*Config) string {
	return func(*Config) string {
		if *v < low || *v > high {
			return fmt.Sprintf("must be from %d to %d, not %d", low, high, *v)
		}
		return ""
	}
}

func within(v *time.Duration, low, high time.Duration) func(*Config) string {
	return func(*Config) string {
		if *v < low || *v > high {
			return fmt.Sprintf("must be from %s to %s, not %s", low, high, *v)
		}
		return ""
	}
}

// publicURL accepts the https origin of this server.
func publicURL(c *Config) string {
	if c.PublicURL != "" && !isOrigin(c.PublicURL) {
		return fmt.Sprintf("must be https://host or https://host:port, not %q", c.PublicURL)
	}
	return ""
}

func origins(v *[]string) func(*Config) string {
	return func(*Config) string {
		for _, s := range *v {
			if !isOrigin(s) {
				return fmt.Sprintf("must be a list of https://host or https://host:port; %q is none", s)
			}
		}
		return ""
	}
}

// isOrigin tells whether text is an https URL without a path: Graph's paths begin at the root.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && (u.Path == "" || u.Path == "/") &&
		u.RawQuery == "" && u.User == nil && u.Fragment == ""
}

func tlsMode(c *Config) string {
	if c.TLS.Mode == ModeOff && c.PublicURL == "" {
		return "may be off only behind a proxy that terminates TLS: set public_url to the https URL that the proxy serves"
	}
	return ""
}

func authorityURL(c *Config) string {
	if c.AuthorityURL == "" {
		return ""
	}
	if u, err := url.Parse(c.AuthorityURL); err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Sprintf("must be an https URL, not %q", c.AuthorityURL)
	}
	return ""
}

func someIssuer(c *Config) string {
	if !c.IssuerEnabled && len(c.Issuers) == 0 {
		return "may be false only when auth.issuers names an issuer: otherwise nobody could sign in"
	}
	return ""
}

// issuers accepts https issuers, and plain http on loopback addresses for trying things out.
func issuers(c *Config) string {
	for i, is := range c.Issuers {
		u, err := url.Parse(is.URL)
		if err != nil || u.Hostname() == "" || (u.Scheme != "https" && (u.Scheme != "http" || !IsLoopback(u.Hostname()))) {
			return fmt.Sprintf("entry %d: url must be an https URL, not %q", i+1, is.URL)
		}
		if len(is.Audiences) == 0 {
			return fmt.Sprintf("entry %d (%s): audiences must name at least one accepted audience", i+1, is.URL)
		}
		if is.Tenant != "" && is.TenantClaim != "" {
			return fmt.Sprintf("entry %d (%s): set tenant or tenant_claim, not both", i+1, is.URL)
		}
		if wrong := issuerTenants(is); wrong != "" {
			return fmt.Sprintf("entry %d (%s): %s", i+1, is.URL, wrong)
		}
	}
	return ""
}

// issuerTenants wants each issuer tied to tenants, by its URL or by its settings (ADR 0006). auth has the same rule; here
// it is a line about the setting.
func issuerTenants(is Issuer) string {
	multiTenant := strings.Contains(is.URL, "{tenantid}")
	switch {
	case multiTenant && is.Tenant != "":
		return "tenant does not go with {tenantid} in the url; set tenants"
	case multiTenant && is.TenantClaim != "" && is.TenantClaim != "tid":
		return "with {tenantid} in the url, tenant_claim can only be tid"
	case !multiTenant && is.Tenant == "" && len(is.Tenants) == 0:
		return `set tenant, or tenants, to those that this issuer may speak for; tenants: ["*"] means any`
	}
	return ""
}

// guidText is the text form of a GUID (RFC 9562 section 4).
var guidText = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func guids(v *[]string) func(*Config) string {
	return func(*Config) string {
		for _, s := range *v {
			if !guidText.MatchString(s) {
				return fmt.Sprintf("must be a list of GUIDs; %q is none", s)
			}
		}
		return ""
	}
}

func guid(v *string) func(*Config) string {
	return func(*Config) string {
		if *v != "" && !guidText.MatchString(*v) {
			return fmt.Sprintf("must be a GUID, not %q", *v)
		}
		return ""
	}
}

// IsLoopback tells whether host can only be this machine: localhost or a loopback address.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
