package app

import (
	"context"
	"crypto/rand"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/manage"
)

// What a development server is furnished with.
const (
	devTenantName  = "patchbay.localhost"
	devAppName     = "Patchbay development"
	devSecretName  = "patchbay dev"
	demoConnector  = "Demo API connector"
	demoTargetURL  = "https://demo.patchbay.example/api/endpoint"
	demoUserName   = "demo"
	basicTypeName  = "#microsoft.graph.basicAuthentication"
	metaDevApp     = "development_application"
	metaDevConnect = "development_connector"
)

// devRoles are the application permissions of the development application.
var devRoles = []string{
	string(auth.APIConnectorsReadWriteAll), string(auth.IdentityUserFlowReadWriteAll),
	string(auth.AuditLogReadAll), string(auth.UserFlowsInvokeAll), string(auth.UserFlowInvocationReadAll),
}

// furnish finds, or makes, the tenant, the application with a secret, the demo connector and a signing key, and fills in
// facts. What is there already stays as it was left.
func (c *core) furnish(ctx context.Context, d *demo, facts *devFacts) error {
	m := c.manage()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.ensureSigningKey(ctx) }) // an RSA key takes as long as everything else together
	g.Go(func() error {
		tenant, err := m.GetTenant(ctx, auth.Local(), devTenantName)
		if err != nil && apiconn.KindOf(err) == apiconn.NotFound {
			tenant, err = m.CreateTenant(ctx, auth.Local(), devTenantName, "")
		}
		if err != nil {
			return fmt.Errorf("the development tenant: %w", err)
		}
		facts.TenantID = tenant.ID
		operator := auth.Local().WithTenant(tenant.ID)
		if err := c.devApplication(ctx, m, operator, facts); err != nil {
			return fmt.Errorf("the development application: %w", err)
		}
		if err := c.devConnector(ctx, m, operator, facts); err != nil {
			return fmt.Errorf("the demo connector: %w", err)
		}
		if err := c.devDemo(ctx, m, operator, d, facts); err != nil {
			return fmt.Errorf("the demonstration of a sign-up: %w", err)
		}
		return nil
	})
	return g.Wait()
}

// ensureSigningKey makes a signing key for the local authority unless one is in use.
func (c *core) ensureSigningKey(ctx context.Context) error {
	keys, err := c.store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.RetireAt.IsZero() {
			return nil
		}
	}
	if _, err := c.manage().RotateSigningKey(ctx, auth.Local(), false); err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	return nil
}

// devApplication finds the application that was made at the first start. Its secret is kept in dev.env only; one that is
// missing there, or is not the application's any more, is replaced by a new one.
func (c *core) devApplication(ctx context.Context, m *manage.Service, operator auth.Caller, facts *devFacts) error {
	id, err := c.remembered(ctx, metaDevApp, func(id string) error {
		_, err := m.GetApplication(ctx, operator, id)
		return err
	}, func() (string, error) {
		app, err := m.CreateApplication(ctx, operator, devAppName, devRoles...)
		return app.ClientID, err
	})
	if err != nil {
		return err
	}
	facts.ClientID = id
	kept, err := readEnvironment(facts.EnvFile)
	if err != nil {
		return err
	}
	facts.ClientSecret = kept["AZURE_CLIENT_SECRET"]
	good, err := m.CheckSecret(ctx, operator, id, facts.ClientSecret)
	if err != nil || good {
		return err
	}
	added, err := m.AddSecret(ctx, operator, id, devSecretName, 0)
	facts.ClientSecret = added.Secret
	return err
}

// devConnector finds the connector for the printed examples: the one made at the first start, else any other but that of the
// demonstration, and a new one if there is none.
func (c *core) devConnector(ctx context.Context, m *manage.Service, operator auth.Caller, facts *devFacts) (err error) {
	facts.ConnectorID, err = c.remembered(ctx, metaDevConnect, func(id string) error {
		_, err := m.GetConnector(ctx, operator, id)
		return err
	}, func() (string, error) {
		others, err := m.ListConnectors(ctx, operator, apiconn.Query{Limit: 2})
		if err != nil {
			return "", err
		}
		demonstration, _, err := c.store.Meta(ctx, metaDemoConnector)
		if err != nil {
			return "", err
		}
		for _, other := range others.Items {
			if other.ID != demonstration {
				return other.ID, nil
			}
		}
		name, url := demoConnector, demoTargetURL
		made, err := m.CreateConnector(ctx, operator, manage.ConnectorPatch{
			DisplayName: &name, TargetURL: &url,
			Authentication: &manage.AuthenticationGiven{
				Type: basicTypeName, Members: map[string]any{"username": demoUserName, "password": rand.Text()},
			},
		}, manage.Once{})
		return made.ID, err
	})
	return err
}

// remembered returns the id that the database remembers under name if check finds it, else the one that provide gives,
// and remembers that.
func (c *core) remembered(ctx context.Context, name string, check func(id string) error, provide func() (string, error)) (string, error) {
	id, known, err := c.store.Meta(ctx, name)
	if err != nil {
		return "", err
	}
	if known {
		if err := check(id); err == nil || apiconn.KindOf(err) != apiconn.NotFound {
			return id, err
		}
	}
	if id, err = provide(); err != nil {
		return "", err
	}
	return id, c.store.SetMeta(ctx, name, id)
}
