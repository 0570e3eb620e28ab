package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/target"
)

// The demonstration of a development server: a user flow one of whose steps calls an endpoint of this very process.
const (
	demoFlowName      = "demo"
	demoFlowType      = "signUpOrSignIn"
	demoStep          = "postAttributeCollection"
	demoFlowConnector = "Demo sign-up check"
	demoPath          = "/check"
	demoPasswordName  = "PATCHBAY_DEMO_PASSWORD"
	demoAnywhere      = "127.0.0.1:0"
	metaDemoConnector = "development_demo_connector"
	metaDemoAddress   = "development_demo_address"
	metaDemoFlow      = "development_demo_flow"
)

// demo is the endpoint that the demonstration's connector calls.
type demo struct {
	listener net.Listener
	before   string // its URL at the last start; "" if there was none
}

// listenDemo binds the demonstration's endpoint to where it was at the last start, or anywhere if that is taken.
func (c *core) listenDemo(ctx context.Context) (*demo, error) {
	address, _, err := c.store.Meta(ctx, metaDemoAddress)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", cmp.Or(address, demoAnywhere))
	if err != nil {
		listener, err = lc.Listen(ctx, "tcp", demoAnywhere)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for the demonstration: %w", err)
	}
	d := &demo{listener: listener, before: demoURL(address)}
	if bound := listener.Addr().String(); bound != address {
		err = c.store.SetMeta(ctx, metaDemoAddress, bound)
	}
	return d, err
}

// demoURL is where an endpoint on that address is called: by a name that is in the development certificate.
func demoURL(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return "https://" + net.JoinHostPort("localhost", port) + demoPath
}

func (d *demo) url() string { return demoURL(d.listener.Addr().String()) }

// run answers calls until ctx is done. Besides the password it takes any client certificate, so that the connector can be
// changed from the one to the other.
func (d *demo) run(cert *certificate, password string, log *slog.Logger) (func(context.Context), error) {
	endpoint, err := target.New(target.Options{
		Basic: target.NewBasic(demoUserName, password), ClientCertificates: target.Optional, CertificateSuffices: true,
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) {
		if err := endpoint.Serve(ctx, d.listener, tlsConfig(cert)); err != nil {
			log.Error("the demonstration's endpoint failed", "error", err.Error())
		}
	}, nil
}

// devDemo finds, or makes, the connector and the user flow of the demonstration. The connector follows its endpoint to
// another port, and gets a new password if dev.env has lost it, as long as it still points to the endpoint.
func (c *core) devDemo(ctx context.Context, m *manage.Service, operator auth.Caller, d *demo, facts *devFacts) error {
	kept, err := readEnvironment(facts.EnvFile)
	if err != nil {
		return err
	}
	facts.DemoPassword = cmp.Or(kept[demoPasswordName], rand.Text())
	facts.DemoConnectorID, err = c.remembered(ctx, metaDemoConnector, func(id string) error {
		view, err := m.GetConnector(ctx, operator, id)
		url := d.url()
		if err != nil || view.TargetURL != d.before || url == d.before && kept[demoPasswordName] != "" {
			return err
		}
		patch := manage.ConnectorPatch{TargetURL: &url}
		if kept[demoPasswordName] == "" {
			patch.Authentication = demoCredential(facts.DemoPassword)
		}
		_, err = m.UpdateConnector(ctx, operator, id, patch, manage.Precondition{})
		return err
	}, func() (string, error) { return makeDemoConnector(ctx, m, operator, d.url(), facts) })
	if err != nil {
		return err
	}
	facts.DemoFlowID, err = c.remembered(ctx, metaDemoFlow, func(id string) error {
		_, err := m.GetUserFlow(ctx, operator, apiconn.B2X, id)
		return err
	}, func() (string, error) {
		name, kind, version := demoFlowName, demoFlowType, float32(1)
		flow, err := m.CreateUserFlow(ctx, operator, apiconn.B2X, manage.UserFlowGiven{
			ID: &name, Type: &kind, TypeVersion: &version, ConnectorIDs: map[string]string{demoStep: facts.DemoConnectorID},
		}, manage.Once{})
		if err != nil && apiconn.KindOf(err) == apiconn.Conflict { // somebody made one of that name
			return apiconn.B2X.Prefix() + demoFlowName, nil
		}
		return flow.ID, err
	})
	return err
}

// demoCredential is the endpoint's password as a client would set it.
func demoCredential(password string) *manage.AuthenticationGiven {
	return &manage.AuthenticationGiven{Type: basicTypeName, Members: map[string]any{"username": demoUserName, "password": password}}
}

// makeDemoConnector makes the connector, which trusts the development certificate authority.
func makeDemoConnector(ctx context.Context, m *manage.Service, operator auth.Caller, url string, facts *devFacts) (string, error) {
	name := demoFlowConnector
	made, err := m.CreateConnector(ctx, operator, manage.ConnectorPatch{
		DisplayName: &name, TargetURL: &url, Authentication: demoCredential(facts.DemoPassword),
	}, manage.Once{})
	if err != nil {
		return "", err
	}
	roots, err := os.ReadFile(facts.TLS.CAFile)
	if err != nil {
		return "", fmt.Errorf("read the certificate authority: %w", err)
	}
	pem := string(roots)
	_, err = m.UpdateCallSettings(ctx, operator, made.ID, manage.CallSettingsPatch{TrustedRoots: &pem}, manage.Precondition{})
	return made.ID, err
}
