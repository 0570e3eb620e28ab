package config

import "time"

// setting is one row: everything there is to say about one setting. The type of what into points at decides how its
// text is read: string, bool, int64, time.Duration, Secret, []string or []Issuer.
type setting struct {
	key     string // of the file; the flag and the variable follow from it
	into    any    // pointer into the Config
	def     string // in the form a flag takes
	oneOf   []string
	check   func(c *Config) string // "" or what is wrong, without the setting's name
	envOnly bool                   // no flag (others can read it in the process list) and no file key
	help    string                 // sentences for docs/config.md; the first one is the flag's usage
}

// table is the one declaration of all settings.
func table(c *Config) []setting {
	rows := placeSettings(c)
	rows = append(rows, kmsSettings(c)...)
	rows = append(rows, behaviourSettings(c)...)
	rows = append(rows, callSettings(c)...)
	return append(rows, callerSettings(c)...)
}

// placeSettings says where things are: files, addresses and keys.
func placeSettings(c *Config) []setting {
	return []setting{
		{
			key: "data_dir", into: &c.DataDir, def: "patchbay-data", check: notEmpty(&c.DataDir),
			help: "Directory of the database. Created with mode 0700 when it is missing.",
		},
		{
			key: "database", into: &c.Database, check: database,
			help: "The database: path of a SQLite file, or a PostgreSQL URL, `postgres://user@host:5432/name?sslmode=verify-full`, whose password may also come from PGPASSWORD or a passfile. Default: `patchbay.db` in the data directory.",
		},
		{
			key: "database_migrate", into: &c.SchemaMode, def: SchemaAuto, oneOf: []string{SchemaAuto, SchemaManual},
			help: "Whether a database with an older schema is migrated at the start (auto), or the start is refused until `patchbay migrate` has done it (manual).",
		},
		{
			key: "listen", into: &c.Listen, def: "127.0.0.1:8443", check: address(&c.Listen, false),
			help: "Address of the public listener, as host:port. Port 0 takes any free port.",
		},
		{
			key: "public_url", into: &c.PublicURL, check: publicURL,
			help: "Base URL under which clients reach this server, as https://host[:port]. It is the issuer of the tokens that the local authority signs. Default: `https://localhost:<port>` when the server listens on a loopback address; required otherwise.",
		},
		{
			key: "tls.mode", into: &c.TLS.Mode, def: ModeOn, oneOf: []string{ModeOn, ModeOff}, check: tlsMode,
			help: "TLS on the public listener. Turn it off only behind a proxy that terminates TLS; public_url is required then.",
		},
		{
			key: "tls.cert_file", into: &c.TLS.CertFile,
			help: "PEM file of the server certificate, followed by its chain. Read again when it changes and on SIGHUP.",
		},
		{
			key: "tls.key_file", into: &c.TLS.KeyFile,
			help: "PEM file of the server certificate's private key. Must not be readable by group or others.",
		},
		{
			key: "health.listen", into: &c.HealthListen, def: "127.0.0.1:8081", check: address(&c.HealthListen, true),
			help: "Address of the listener for /healthz, /readyz and /metrics, plain HTTP. Empty: none.",
		},
		{
			key: "master_key_file", into: &c.MasterKeyFile,
			help: "File of the master key, made by `patchbay key generate`, as it is or wrapped (master_key_kms). Must not be readable by group or others. Keep it away from the backups of the data directory. Default: `master.key` in the data directory.",
		},
		{
			key: "master_key", into: &c.MasterKey, envOnly: true,
			help: "The master key itself, or wrapped, for platforms that hand secrets over in the environment. Wins over master_key_file. Never printed.",
		},
	}
}

// behaviourSettings says how the server behaves towards everybody.
func behaviourSettings(c *Config) []setting {
	return []setting{
		{
			key: "cloud", into: &c.Cloud, def: "global", oneOf: []string{"global", "usgov", "usgov-dod", "china"},
			help: "Microsoft cloud whose Graph is imitated: which segments and actions exist.",
		},
		{
			key: "graph.authority_url", into: &c.AuthorityURL, check: authorityURL,
			help: "Authority whose /common/oauth2/authorize the WWW-Authenticate header of a 401 names. Default: the login host of the Microsoft cloud, as the live service answers.",
		},
		{
			key: "throttle", into: &c.Throttle, def: ThrottleGenerous, oneOf: []string{ThrottleGenerous, ThrottleGraph, ThrottleOff},
			help: "Rate limits: generous, exactly Microsoft Graph's documented ones (graph), or none (off).",
		},
		{
			key: "cors", into: &c.CORS, def: "true",
			help: "Answer CORS preflights and let browsers read answers, as Microsoft Graph does.",
		},
		{
			key: "trust_proxy_headers", into: &c.TrustProxy, def: "false",
			help: "Believe X-Forwarded-For (the client's address) and X-Forwarded-Host. Only behind a proxy that sets both.",
		},
		{
			key: "limits.body", into: &c.Limits.Body, def: "1048576", check: between(&c.Limits.Body, 1<<10, 64<<20),
			help: "Largest request body as sent, in bytes.",
		},
		{
			key: "limits.inflated", into: &c.Limits.Inflated, def: "4194304", check: between(&c.Limits.Inflated, 1<<10, 256<<20),
			help: "Largest request body after gzip is undone, in bytes.",
		},
		{
			key: "limits.header", into: &c.Limits.Header, def: "65536", check: between(&c.Limits.Header, 8<<10, 1<<20),
			help: "Largest request line with all headers, in bytes.",
		},
		{
			key: "limits.url", into: &c.Limits.URL, def: "16384", check: between(&c.Limits.URL, 1<<10, 1<<20),
			help: "Longest request target, in bytes.",
		},
		{
			key: "page_size", into: &c.PageSize, def: "100", check: between(&c.PageSize, 1, 999),
			help: "Items on a page of a listing unless $top says otherwise.",
		},
		{
			key: "request_timeout", into: &c.RequestTimeout, def: "30s", check: within(&c.RequestTimeout, time.Second, 10*time.Minute),
			help: "Time within which one request must be answered.",
		},
		{
			key: "shutdown_delay", into: &c.ShutdownDelay, def: "0s", check: within(&c.ShutdownDelay, 0, 10*time.Minute),
			help: "Time after SIGTERM or SIGINT for which requests are still taken while /readyz is 503, so that a load balancer notices and sends no more. A second signal ends it. Give at least two of the balancer's health checks.",
		},
		{
			key: "shutdown_timeout", into: &c.ShutdownTimeout, def: "30s", check: within(&c.ShutdownTimeout, time.Second, 10*time.Minute),
			help: "Time that requests in flight get to finish after SIGTERM or SIGINT and the shutdown_delay.",
		},
		{
			key: "log.level", into: &c.LogLevel, def: "info", oneOf: []string{"debug", "info", "warn", "error"},
			help: "Least severe level that is logged.",
		},
		{
			key: "log.format", into: &c.LogFormat, def: "json", oneOf: []string{"json", "text"},
			help: "Format of log lines.",
		},
		{
			key: "audit.retention", into: &c.AuditRetention, def: "2160h", check: within(&c.AuditRetention, time.Hour, 24*3660*time.Hour),
			help: "Age after which audit entries are deleted. 2160h are 90 days.",
		},
		{
			key: "connectors.allow_http", into: &c.AllowHTTP, def: "false",
			help: "Accept http:// as a connector's targetUrl. For development only: credentials would travel in the clear.",
		},
		{
			key: "connectors.upload_onto_basic", into: &c.UploadOntoBasic, def: "false",
			help: "Let uploadClientCertificate on a connector with Basic authentication replace the latter. Otherwise it is refused, as the wire contract decides (section 8, row 30).",
		},
		{
			key: "connectors.unlink_on_delete", into: &c.UnlinkOnDelete, def: "false",
			help: "Let deleting a connector that user flows call take it out of them, with an audit entry for each. Otherwise it is refused with their names, as the wire contract decides (section 8, row 31).",
		},
	}
}

// callSettings says how connectors are called at the steps of sign-ups, and what is kept of it.
func callSettings(c *Config) []setting {
	return []setting{
		{
			key: "calls.profile", into: &c.Calls.Profile, def: "entra", oneOf: []string{"entra", "b2c"},
			help: "Budget of a step and number of attempts for connectors that have no call settings of their own: entra allows 20 s, b2c 5 s, both with one retry within that time. No step takes longer than request_timeout.",
		},
		{
			key: "calls.max_answer", into: &c.Calls.MaxAnswer, def: "1048576", check: between(&c.Calls.MaxAnswer, 1<<10, 64<<20),
			help: "Largest body of a connector's answer after gzip is undone, in bytes.",
		},
		{
			key: "calls.trusted_roots_file", into: &c.Calls.TrustedRootsFile,
			help: "PEM file of the certificate authorities that connectors' certificates must come from. Default: the system's. A connector's own call settings win.",
		},
		{
			key: "calls.extensions_app_id", into: &c.ExtensionsApp, check: guid(&c.ExtensionsApp),
			help: "Id of the application that extension attributes belong to: it stands in their names, extension_<id>_<Name>. Give that of your tenant's b2c-extensions-app when connectors rely on it. Default: one per tenant, made of the tenant's id.",
		},
		{
			key: "guard.mode", into: &c.Guard.Mode, def: "enforce", oneOf: []string{"enforce", "report", "off"},
			help: "What happens to calls to addresses that are not public (loopback, private and link-local networks, cloud metadata, and the like): refused (enforce), made and logged (report), or not looked at (off).",
		},
		{
			key: "guard.exceptions", into: &c.Guard.Exceptions,
			help: "Networks that may be called all the same, each with a port or a range of ports if it is not for all: 10.96.0.0/12:443, 10.1.2.3, [fd00::]/8:8000-8999.",
		},
		{
			key: "receipts.retention", into: &c.Receipts.Retention, def: "720h", check: within(&c.Receipts.Retention, time.Hour, 24*3660*time.Hour),
			help: "Age after which receipts of invocations are deleted, and with them the decisions that an Idempotency-Key repeats. 720h are 30 days.",
		},
		{
			key: "receipts.claim_values", into: &c.Receipts.ClaimValues, def: "false",
			help: "Keep the values of claims in receipts. They are personal data, and whoever may read receipts reads them. Otherwise a receipt has their names and keyed hashes.",
		},
	}
}

// callerSettings says whose tokens are accepted.
func callerSettings(c *Config) []setting {
	return []setting{
		{
			key: "issuer.enabled", into: &c.IssuerEnabled, def: "true", check: someIssuer,
			help: "Run the local token authority and accept its tokens.",
		},
		{
			key: "issuer.aliases", into: &c.IssuerAliases, check: origins(&c.IssuerAliases),
			help: "Further base URLs under which clients reach the local authority, beside public_url. A client assertion may be addressed to any of them.",
		},
		{
			key: "auth.issuers", into: &c.Issuers, check: issuers,
			help: "OpenID Connect issuers whose tokens are accepted: a list in the file, the same list as JSON in the environment or flag. Members: `url`, the exact iss claim, in which {tenantid} stands for the token's tid; `audiences`, at least one; `tenant`, one GUID for all tokens, or `tenants`, the only ones that the claim `tenant_claim` (tid) may name: one of the two is needed unless the URL has {tenantid}, with which `tenant` does not go and the claim is tid, and `[\"*\"]` means any; `metadata_url`; `roles_claim` (roles), a dotted path for nested claims; `scope_claim` (scp), whose presence makes a token delegated, while one without it is an application's and is refused if it tells of a person (`sid`, `session_state`, `upn`, `unique_name`, `preferred_username` or `email`, but for Keycloak's service accounts); `directory_roles_claim` (wids); `algorithms` (RS256, PS256, ES256); `clock_skew` (5m).",
		},
		{
			key: "auth.extra_directory_roles", into: &c.ExtraDirectoryRoles, check: guids(&c.ExtraDirectoryRoles),
			help: "Template ids of further directory roles that may manage connectors in delegated calls, beside External ID User Flow Administrator and Global Administrator.",
		},
	}
}
