package config

import (
	"fmt"
	"path/filepath"
	"time"
)

// Config is the effective settings of one process. Each field is one row of the table in table.go, which documents it.
type Config struct {
	DataDir  string
	Database Database // empty in the sources: <data_dir>/patchbay.db
	// SchemaMode is SchemaAuto or SchemaManual.
	SchemaMode    string
	Listen        string
	PublicURL     string
	TLS           TLS
	HealthListen  string
	MasterKeyFile string // empty in the sources: <data_dir>/master.key
	MasterKey     Secret
	MasterKeyKMS  string // URI of the key that wraps the master key; "" for none
	KMS           KMS

	Cloud        string
	AuthorityURL string
	Throttle     string
	CORS         bool
	TrustProxy   bool

	Limits          Limits
	PageSize        int64
	RequestTimeout  time.Duration
	ShutdownDelay   time.Duration
	ShutdownTimeout time.Duration
	LogLevel        string
	LogFormat       string
	AuditRetention  time.Duration

	AllowHTTP           bool
	UploadOntoBasic     bool
	UnlinkOnDelete      bool
	IssuerEnabled       bool
	IssuerAliases       []string
	Issuers             []Issuer
	ExtraDirectoryRoles []string

	Calls    Calls
	Guard    Guard
	Receipts Receipts
	// ExtensionsApp is the id of the application that extension attributes belong to; "" for one per tenant.
	ExtensionsApp string

	sources map[string]string // by key: flag, environment, file or default
}

// TLS is how the public listener is protected.
type TLS struct {
	Mode     string // ModeOn or ModeOff
	CertFile string
	KeyFile  string
}

// KMS says how the key management service is asked that the master key's URI names, where its own library does not.
type KMS struct {
	Token     Secret
	TokenFile string
	Namespace string
	TLS       KMSTLS
	AllowHTTP bool
}

// KMSTLS is how the connection to it is protected.
type KMSTLS struct {
	Mode   string // ModeOn or ModeOff
	CAFile string // PEM; "" for the system's roots
}

// Limits caps what one request may cost. Bytes.
type Limits struct {
	Body     int64 // of a request body as it is sent
	Inflated int64 // of a request body after its Content-Encoding is undone
	Header   int64 // of a request's line and headers together
	URL      int64 // of a request target
}

// Calls says how connectors are called, where their own settings do not.
type Calls struct {
	Profile          string // a set of documented figures: entra or b2c
	MaxAnswer        int64  // of an answer's body after its Content-Encoding is undone. Bytes
	TrustedRootsFile string // PEM; "" for the system's roots
}

// Guard says which addresses may be called.
type Guard struct {
	Mode       string // enforce, report or off
	Exceptions []string
}

// Receipts says what is kept of the calls.
type Receipts struct {
	Retention   time.Duration
	ClaimValues bool
}

// Issuer is an OpenID Connect issuer whose tokens are accepted (OpenID Connect Discovery 1.0).
// The names are those of the settings file and of the JSON in the environment; auth.Issuer documents the members.
type Issuer struct {
	URL                 string   `json:"url"`
	MetadataURL         string   `json:"metadata_url,omitempty"`
	Audiences           []string `json:"audiences"`
	Tenant              string   `json:"tenant,omitempty"`
	TenantClaim         string   `json:"tenant_claim,omitempty"`
	Tenants             []string `json:"tenants,omitempty"`
	RolesClaim          string   `json:"roles_claim,omitempty"`
	ScopeClaim          string   `json:"scope_claim,omitempty"`
	DirectoryRolesClaim string   `json:"directory_roles_claim,omitempty"`
	Algorithms          []string `json:"algorithms,omitempty"`
	ClockSkew           Span     `json:"clock_skew,omitzero"`
}

// Span is a duration that is written like 5m in files and JSON.
type Span time.Duration

// UnmarshalText reads what time.ParseDuration reads.
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 5m", text)
	}
	*s = Span(d)
	return nil
}

// MarshalText is the inverse of UnmarshalText.
func (s Span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// The values of tls.mode.
const (
	ModeOn  = "on"
	ModeOff = "off"
)

// The values of database_migrate.
const (
	SchemaAuto   = "auto"
	SchemaManual = "manual"
)

// The values of throttle.
const (
	ThrottleGenerous = "generous"
	ThrottleGraph    = "graph"
	ThrottleOff      = "off"
)

// complete fills in what follows from other settings.
func (c *Config) complete() {
	if c.Database.text == "" {
		c.Database.text = filepath.Join(c.DataDir, "patchbay.db")
	}
	if c.MasterKeyFile == "" {
		c.MasterKeyFile = filepath.Join(c.DataDir, "master.key")
	}
}

// Value is one effective setting, for people.
type Value struct {
	Key    string `json:"key"`
	Value  string `json:"value"` // a secret is masked
	Source string `json:"source"`
}

// Values lists the effective settings in the order of the table.
func (c *Config) Values() []Value {
	var out []Value
	for _, s := range table(c) {
		out = append(out, Value{Key: s.key, Value: render(s.into), Source: c.sources[s.key]})
	}
	return out
}
