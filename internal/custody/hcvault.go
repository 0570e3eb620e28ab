package custody

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/core/registry"
)

// checkVault wants hcvault://host[:port]/MOUNT/keys/NAME. A mount may have several segments.
func checkVault(uri string, o Options) error {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.RawPath != "" {
		return errors.New("it must be hcvault://host:port/transit/keys/NAME, without a user, a query or escapes")
	}
	segments := strings.Split(u.Path, "/")
	n := len(segments)
	if n < 4 || segments[n-2] != "keys" || strings.Contains(u.Path, "//") || segments[n-1] == "" {
		return errors.New("it must name a key of the transit engine: hcvault://host:port/transit/keys/NAME")
	}
	if o.PlainHTTP && !o.Anywhere && !isLoopback(u.Hostname()) {
		return fmt.Errorf("plain HTTP to %s would show the token and the master key to whoever listens; only loopback addresses are allowed", u.Hostname())
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// vaultClient is a client of Vault's transit engine, or of OpenBao's, which is the same.
func vaultClient(ctx context.Context, uri string, o Options, token string) (registry.KMSClient, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	address := "https://" + u.Host
	if o.PlainHTTP {
		address = "http://" + u.Host
	}
	client, err := api.NewClient(&api.Config{
		Address:    address,
		HttpClient: &http.Client{Transport: bound{ctx, vaultTransport(o)}},
		MaxRetries: 0, // whoever asked tries again
		Timeout:    o.Timeout,
	})
	if err != nil {
		return nil, err
	}
	client.SetToken(token)
	if o.Namespace == "" {
		client.ClearNamespace() // that of Vault's own environment variable
	} else {
		client.SetNamespace(o.Namespace)
	}
	return hcvault.NewClientWithAEADOptions(uri, client.Logical())
}

// vaultTransport keeps no connection: a service is asked once in the life of a process, if all is well.
func vaultTransport(o Options) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: o.Timeout}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   o.Timeout,
		ResponseHeaderTimeout: o.Timeout,
		DisableKeepAlives:     true,
		ForceAttemptHTTP2:     true,
	}
}

// bound ends requests with the context of the attempt: Tink's interface takes none.
type bound struct {
	ctx  context.Context //nolint:containedctx // it lives as long as the attempt that it belongs to
	next http.RoundTripper
}

func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	return b.next.RoundTrip(r.WithContext(b.ctx))
}

// vaultReason reads Vault's answer. A 400 is said of a key that is not there, and of a ciphertext that is not its own.
func vaultReason(err error) Reason {
	if answer, ok := errors.AsType[*api.ResponseError](err); ok {
		return ofStatus(answer.StatusCode)
	}
	return ""
}
