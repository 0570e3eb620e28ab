package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// Options say where the service is and who asks. It prints without what is secret in it.
type Options struct {
	URL             string        // of the service, such as https://localhost:8443; with a path if it stands below one
	TenantID        string        // id or name of the tenant
	ClientID        string        // of the app registration
	ClientSecret    string        // one of its secrets; or else
	CertificateFile string        // PEM file with its certificate and private key; or else
	Token           string        // a token that was got elsewhere; then no other is fetched
	AuthorityHost   string        // URL of the token authority; "": the service itself
	CAFile          string        // PEM file of the only authorities to trust; "": the system's
	Scope           string        // of the tokens; "": that of Microsoft Graph
	UserAgent       string        // "": patchbay
	MaxWait         time.Duration // how long a request may wait in all to be repeated; 0: 30 s
}

const (
	defaultScope   = "https://graph.microsoft.com/.default"
	defaultMaxWait = 30 * time.Second
)

// Format writes the options without their secret, whatever the verb.
func (o Options) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s tenant %s client %s}", o.URL, o.TenantID, o.ClientID)
}

// LogValue is Format for slog.
func (o Options) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(o)) }

// check refuses options with which no request can be made, in words that name the setting.
func (o Options) check() error {
	switch {
	case o.URL == "":
		return errors.New("the URL of the service is not known: give --url or set PATCHBAY_URL")
	case o.Token != "":
		return nil
	case o.TenantID == "":
		return errors.New("the tenant is not known: give --tenant or set AZURE_TENANT_ID")
	case o.ClientID == "":
		return errors.New("the app is not known: give --client-id or set AZURE_CLIENT_ID")
	case o.ClientSecret == "" && o.CertificateFile == "":
		return errors.New("the app has nothing to prove itself with: give --client-secret-file or --token-file, or set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH")
	case strings.ContainsAny(o.TenantID, "/?#"):
		return errors.New("the tenant must be an id or a name")
	}
	return nil
}

// address reads a URL that secrets are sent to: https, or http to this machine.
func address(text, what string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%s must be a URL such as https://patchbay.example.com", what)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !onThisMachine(u.Hostname())) {
		return nil, fmt.Errorf("%s must begin with https:// (http:// is for this machine only): a token would be sent in the clear", what)
	}
	return u, nil
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// trust reads the authorities of file; the system's for none.
func trust(file string) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if file == "" {
		return settings, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the CA file: %w", err)
	}
	settings.RootCAs = x509.NewCertPool()
	if !settings.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("the CA file %s holds no certificate in PEM", file)
	}
	return settings, nil
}
