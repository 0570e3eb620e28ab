package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/config"
	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/edge/authority"
	"github.com/patchbay/patchbay/internal/edge/graph"
	"github.com/patchbay/patchbay/internal/manage"
)

// assemble binds the listeners and builds everything behind them. It owns c from here on: the program closes it, and so
// does a failure.
func assemble(ctx context.Context, c *core, cert *certificate) (_ *program, err error) {
	p := &program{
		log:       c.log,
		gate:      &gate{},
		readiness: &readiness{check: c.store.Ping},
		delay:     c.cfg.ShutdownDelay,
		hurry:     furtherSignals,
		grace:     c.cfg.ShutdownTimeout,
		close:     c.close,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.abandon())
		}
	}()
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), p.readiness.metric())
	public := newServer(p.readiness.closing(edge.Wrap(p.gate, edge.Options{
		Log:               c.log,
		Metrics:           edge.NewMetrics(metrics),
		MaxBody:           c.cfg.Limits.Body,
		MaxInflated:       c.cfg.Limits.Inflated,
		Timeout:           c.cfg.RequestTimeout,
		TrustProxyHeaders: c.cfg.TrustProxy,
	})), c.log, c.cfg.RequestTimeout, int(c.cfg.Limits.Header))
	if cert != nil {
		public.TLSConfig = tlsConfig(cert)
	}
	if p.public, err = listen(ctx, "public", c.cfg.Listen, public); err != nil {
		return nil, err
	}
	p.url = publicURL(c.cfg, p.public.port())

	if c.cfg.HealthListen != "" {
		handler := healthHandler(p.readiness, promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}), c.log)
		if p.health, err = listen(ctx, "health", c.cfg.HealthListen, newServer(handler, c.log, 0, int(c.cfg.Limits.Header))); err != nil {
			return nil, err
		}
	}
	run, err := c.runner()
	if err != nil {
		return nil, err
	}
	p.close = func() error { run.outbound.Close(); return c.close() }
	var verifier *auth.Verifier
	if verifier, p.open, p.sealed, err = surfaces(c, run, p.url, metrics); err != nil {
		return nil, err
	}
	p.gate.set(p.open)
	p.close = func() error { verifier.Close(); run.outbound.Close(); return c.close() }
	p.tasks = append(p.tasks,
		every(housekeepingInterval, "housekeeping", c.log, c.housekeeping),
		every(sweepInterval, "closing connections of replaced credentials", c.log, run.signup.Sweep),
		every(expiryInterval, "looking for certificates that end soon", c.log, newExpiry(c.store, c.log, metrics).report))
	return p, nil
}

// surfaces builds the HTTP surfaces: the Graph surface, that of steps and the local authority, told apart by bySurface. With
// sealed they say, each in its own form, that the service is sealed.
func surfaces(c *core, run *runner, url string, metrics prometheus.Registerer) (_ *auth.Verifier, open, sealed http.Handler, err error) {
	signer := c.signer()
	issuers := make([]auth.Issuer, 0, len(c.cfg.Issuers)+1)
	if c.cfg.IssuerEnabled {
		issuers = append(issuers, auth.LocalIssuer(url, signer))
	}
	for _, is := range c.cfg.Issuers {
		issuers = append(issuers, issuer(is))
	}
	verifier, err := auth.NewVerifier(auth.Options{
		Issuers: issuers, ExtraDirectoryRoles: c.cfg.ExtraDirectoryRoles, Now: time.Now, Log: c.log,
	})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("auth.issuers: %w", err)
	}
	operations := c.manage()
	graphSurface, err := graph.New(graph.Options{
		Manage:       operations,
		Verifier:     verifier,
		Now:          now,
		Cloud:        graph.Cloud(c.cfg.Cloud),
		Throttle:     graph.Throttle(c.cfg.Throttle),
		AuthorityURL: c.cfg.AuthorityURL,
		CORS:         c.cfg.CORS,
		MaxURL:       int(c.cfg.Limits.URL),
		PageSize:     int(c.cfg.PageSize),
	})
	if err != nil {
		return nil, nil, nil, err
	}
	var local *manage.Authority
	if c.cfg.IssuerEnabled {
		local = &manage.Authority{Store: c.store, Signer: signer, Issuer: url, Aliases: aliases(c.cfg, url), Now: now}
	}
	stepSurface, err := run.surface(c, operations, verifier, local, metrics)
	if err != nil {
		return nil, nil, nil, err
	}
	sealedGraph, sealedSteps := graphSurface.Refusing(errSealed), stepSurface.Refusing(errSealed)
	if local == nil { // the Graph surface says that there is no such thing
		return verifier, bySurface(graphSurface, stepSurface, graphSurface), bySurface(sealedGraph, sealedSteps, sealedGraph), nil
	}
	authoritySurface, err := authority.New(authority.Options{CORS: c.cfg.CORS, Authority: local})
	if err != nil {
		return nil, nil, nil, err
	}
	sealedAuthority, err := authority.New(authority.Options{CORS: c.cfg.CORS, Authority: local, Refusal: errSealed})
	if err != nil {
		return nil, nil, nil, err
	}
	return verifier, bySurface(graphSurface, stepSurface, authoritySurface), bySurface(sealedGraph, sealedSteps, sealedAuthority), nil
}

// aliases are the further base URLs of the local authority. A server that is reached as localhost is reached by the
// loopback addresses too.
func aliases(cfg *config.Config, publicURL string) []string {
	out := slices.Clone(cfg.IssuerAliases)
	if cfg.PublicURL != "" {
		return out
	}
	port := publicURL[strings.LastIndexByte(publicURL, ':')+1:]
	for _, host := range []string{"127.0.0.1", "::1"} {
		out = append(out, "https://"+net.JoinHostPort(host, port))
	}
	return out
}

// authorityPaths are the second segments of the authority's paths, behind a tenant or "common".
var authorityPaths = []string{"oauth2", "v2.0", "discovery", ".well-known"}

// bySurface sends /runtime/v1/… to steps, /{tenant}/oauth2/… and its like to the authority and all else to graph, which knows
// what to say of a version that does not exist.
func bySurface(graph, steps, authority http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, runtimePath) {
			steps.ServeHTTP(w, r)
			return
		}
		first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		second, _, _ := strings.Cut(rest, "/")
		if slices.Contains(authorityPaths, second) && !strings.EqualFold(first, "v1.0") && !strings.EqualFold(first, "beta") {
			authority.ServeHTTP(w, r)
			return
		}
		graph.ServeHTTP(w, r)
	})
}

// manage is the administrator's operations on the core. A guard that the settings do not describe well is found when the
// service starts; local commands go on without.
func (c *core) manage() *manage.Service {
	var checkTarget func(string) error
	if addresses, err := c.addressGuard(); err == nil {
		checkTarget = addresses.CheckURL
	}
	return &manage.Service{
		CheckTarget: checkTarget,
		Store:       c.store, Sealer: c.keys.Sealer(), Intake: credential.NewIntake(0), Now: now,
		AllowHTTP: c.cfg.AllowHTTP, UploadOntoBasic: c.cfg.UploadOntoBasic, UnlinkOnDelete: c.cfg.UnlinkOnDelete,
		CallProfile: apiconn.CallProfile(c.cfg.Calls.Profile),
	}
}

// signer is the local authority's signing keys.
func (c *core) signer() *auth.Signer {
	keys := &signingKeys{store: c.store, opener: c.keys.Opener(), log: c.log}
	return auth.NewSigner(keys.load, time.Now)
}

// issuer turns the setting into auth's form.
func issuer(s config.Issuer) auth.Issuer {
	return auth.Issuer{
		URL: s.URL, MetadataURL: s.MetadataURL, Audiences: s.Audiences,
		TenantID: s.Tenant, TenantClaim: s.TenantClaim, Tenants: s.Tenants,
		RolesClaim: s.RolesClaim, ScopeClaim: s.ScopeClaim, DirectoryRolesClaim: s.DirectoryRolesClaim,
		Algorithms: s.Algorithms, ClockSkew: time.Duration(s.ClockSkew),
	}
}

// How often the database is tidied, and how long a signing key is kept after its tokens have ceased to be accepted.
const (
	housekeepingInterval = time.Hour
	retiredKeysKept      = 24 * time.Hour
)

// housekeeping deletes what has had its time.
func (c *core) housekeeping(ctx context.Context) error {
	at := now()
	_, auditErr := c.store.PruneAudit(ctx, at.Add(-c.cfg.AuditRetention))
	_, onceErr := c.store.PruneOnce(ctx, at)
	_, keysErr := c.store.DeleteSigningKeys(ctx, at.Add(-retiredKeysKept))
	return errors.Join(auditErr, onceErr, keysErr, c.prune(ctx, at))
}
