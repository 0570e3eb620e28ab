package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/edge/graph"
	"github.com/patchbay/patchbay/internal/edge/steps"
	"github.com/patchbay/patchbay/internal/guard"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/outbound"
	"github.com/patchbay/patchbay/internal/signup"
)

// runner is what runs steps: the client that calls connectors and the operation around it.
type runner struct {
	outbound *outbound.Client
	signup   *signup.Service
}

// runner builds it on the core.
func (c *core) runner() (*runner, error) {
	addresses, err := c.addressGuard()
	if err != nil {
		return nil, err
	}
	roots, err := trustedRoots("calls.trusted_roots_file", c.cfg.Calls.TrustedRootsFile)
	if err != nil {
		return nil, err
	}
	client := outbound.New(outbound.Options{
		Guard: addresses, Roots: roots, AllowHTTP: c.cfg.AllowHTTP, MaxAnswer: c.cfg.Calls.MaxAnswer,
		UserAgent: userAgent(), Log: c.log, Now: now,
	})
	service, err := signup.New(signup.Options{
		Records: c.store, Opener: c.keys.Opener(), Journal: c.keys.Journal(), Outbound: client, Log: c.log, Now: now,
		Profile: apiconn.CallProfile(c.cfg.Calls.Profile), MaxBudget: c.cfg.RequestTimeout, ExtensionsApp: c.cfg.ExtensionsApp,
		AllowHTTP: c.cfg.AllowHTTP, KeepValues: c.cfg.Receipts.ClaimValues, Kept: c.cfg.Receipts.Retention,
	})
	if err != nil {
		client.Close()
		return nil, err
	}
	return &runner{outbound: client, signup: service}, nil
}

// addressGuard is the guard that the settings describe.
func (c *core) addressGuard() (*guard.Guard, error) {
	g, err := guard.New(guard.Mode(c.cfg.Guard.Mode), c.cfg.Guard.Exceptions, c.log)
	if err != nil {
		return nil, fmt.Errorf("guard.exceptions: %w", err)
	}
	return g, nil
}

// userAgent is how calls name the program (RFC 9110 section 10.1.5).
func userAgent() string { return "Patchbay/" + Build("").Version }

// trustedRoots reads the PEM file of certificate authorities that a setting names; nil without one.
func trustedRoots(setting, path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: %s has no certificate in PEM", setting, path)
	}
	return pool, nil
}

// surface is the HTTP surface of steps.
func (r *runner) surface(c *core, m *manage.Service, verifier *auth.Verifier, authority *manage.Authority, metrics prometheus.Registerer) (*steps.Handler, error) {
	text := sync.OnceValues(func() ([]byte, error) { return description(graph.Cloud(c.cfg.Cloud), authority != nil) })
	return steps.New(steps.Options{
		Signup: r.signup, Manage: m, Verifier: verifier, Authority: authority, Description: text, Now: now, CORS: c.cfg.CORS, Metrics: metrics,
	})
}

// runtimePath begins the paths of the surface of steps.
const runtimePath = "/runtime/v1/"

// sweepInterval is how soon connections of a credential that was replaced are closed when nobody calls the connector.
const sweepInterval = time.Second

// prune deletes receipts that have had their time, and the journeys whose decisions went with them.
func (c *core) prune(ctx context.Context, at time.Time) error {
	_, receiptsErr := c.store.PruneInvocations(ctx, at.Add(-c.cfg.Receipts.Retention))
	_, journeysErr := c.store.PruneJourneys(ctx, at)
	return errors.Join(receiptsErr, journeysErr)
}
