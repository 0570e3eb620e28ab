package main

import (
	"context"
	"crypto/sha1"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
)

func (c *cli) application() *cobra.Command {
	return noun("app", "App registrations of the local token authority",
		c.appCreate(), c.appList(), c.appShow(), c.appRename(), c.appDelete(), c.appGrant(), c.appRevoke(),
		noun("secret", "Client secrets of an app", c.secretAdd(), c.credentialRemove("secret")),
		noun("certificate", "Certificates with which an app signs client assertions", c.certificateAdd(), c.credentialRemove("certificate")))
}

// appRow is an app registration as the commands print it.
type appRow struct {
	ClientID    string          `json:"client_id"`
	ObjectID    string          `json:"object_id"`
	Name        string          `json:"name"`
	Roles       []string        `json:"roles"`
	Credentials []credentialRow `json:"credentials"`
	Created     time.Time       `json:"created"`
}

// credentialRow is a credential without anything that helps to guess it.
type credentialRow struct {
	KeyID      string    `json:"key_id"`
	Kind       string    `json:"kind"`
	Name       string    `json:"name"`
	Hint       string    `json:"hint,omitempty"`       // how a secret begins
	Thumbprint string    `json:"thumbprint,omitempty"` // SHA-1 of a certificate, hex
	Expires    time.Time `json:"expires"`
}

func appRowOf(a app.Application) appRow {
	row := appRow{ClientID: a.ClientID, ObjectID: a.ObjectID, Name: a.DisplayName, Roles: a.Roles, Created: a.CreatedAt}
	for _, k := range a.Credentials {
		row.Credentials = append(row.Credentials, credentialRowOf(k))
	}
	return row
}

func credentialRowOf(k app.Credential) credentialRow {
	row := credentialRow{KeyID: k.ID, Kind: string(k.Kind), Name: k.DisplayName, Hint: k.Hint, Expires: k.NotAfter}
	if len(k.Certificate) > 0 {
		row.Thumbprint = fmt.Sprintf("%X", sha1.Sum(k.Certificate))
	}
	return row
}

// inTenant makes a command that works on the apps of the tenant that its --tenant flag names.
func (c *cli) inTenant(use, short string, args cobra.PositionalArgs, do func(context.Context, *app.Local, []string) error) *cobra.Command {
	var tenant string
	cmd := c.local(use, short, args, func(ctx context.Context, l *app.Local, args []string) error {
		t, err := l.Manage.GetTenant(ctx, l.Operator, tenant)
		if err != nil {
			return err
		}
		l.Operator = l.Operator.WithTenant(t.ID)
		return do(ctx, l, args)
	})
	cmd.Flags().StringVar(&tenant, "tenant", "", "tenant of the app, by id or name")
	require(cmd, "tenant")
	return cmd
}

func (c *cli) appCreate() *cobra.Command {
	var out output
	var roles []string
	cmd := c.inTenant("create NAME", "Register an app", cobra.ExactArgs(1), func(ctx context.Context, l *app.Local, args []string) error {
		a, err := l.Manage.CreateApplication(ctx, l.Operator, args[0], roles...)
		if err != nil {
			return err
		}
		return c.printApp(out, a)
	})
	cmd.Flags().StringSliceVar(&roles, "role", nil, "application permission to grant, such as APIConnectors.ReadWrite.All; may be repeated")
	out.flag(cmd)
	return cmd
}

func (c *cli) printApp(out output, a app.Application) error {
	row := appRowOf(a)
	return out.print(c.stdout, row, func(t *table) {
		t.row("client id", row.ClientID)
		t.row("object id", row.ObjectID)
		t.row("name", row.Name)
		t.row("roles", strings.Join(row.Roles, " "))
		for _, k := range row.Credentials {
			t.row(k.Kind, fmt.Sprintf("%s %q %s expires %s", k.KeyID, k.Name, k.Hint+k.Thumbprint, k.Expires.Format(time.RFC3339)))
		}
	})
}

func (c *cli) appList() *cobra.Command {
	var out output
	cmd := c.inTenant("list", "List the apps of a tenant", cobra.NoArgs, func(ctx context.Context, l *app.Local, _ []string) error {
		apps, err := l.Manage.ListApplications(ctx, l.Operator)
		if err != nil {
			return err
		}
		rows := make([]appRow, len(apps))
		for i, a := range apps {
			rows[i] = appRowOf(a)
		}
		return out.print(c.stdout, rows, func(t *table) {
			t.row("CLIENT ID", "NAME", "CREDENTIALS", "ROLES")
			for _, r := range rows {
				t.row(r.ClientID, r.Name, fmt.Sprint(len(r.Credentials)), strings.Join(r.Roles, " "))
			}
		})
	})
	out.flag(cmd)
	return cmd
}

func (c *cli) appShow() *cobra.Command {
	var out output
	cmd := c.inTenant("show CLIENT-ID", "Show an app with its credentials", cobra.ExactArgs(1), func(ctx context.Context, l *app.Local, args []string) error {
		a, err := l.Manage.GetApplication(ctx, l.Operator, args[0])
		if err != nil {
			return err
		}
		return c.printApp(out, a)
	})
	out.flag(cmd)
	return cmd
}

func (c *cli) appRename() *cobra.Command {
	return c.inTenant("rename CLIENT-ID NAME", "Change an app's name", cobra.ExactArgs(2), func(ctx context.Context, l *app.Local, args []string) error {
		return l.Manage.RenameApplication(ctx, l.Operator, args[0], args[1])
	})
}

func (c *cli) appDelete() *cobra.Command {
	return c.inTenant("delete CLIENT-ID", "Delete an app; tokens that it has stay valid for up to an hour", cobra.ExactArgs(1),
		func(ctx context.Context, l *app.Local, args []string) error {
			return l.Manage.DeleteApplication(ctx, l.Operator, args[0])
		})
}

func (c *cli) appGrant() *cobra.Command {
	return c.inTenant("grant CLIENT-ID ROLE...", "Grant application permissions", cobra.MinimumNArgs(2),
		func(ctx context.Context, l *app.Local, args []string) error {
			return l.Manage.GrantRoles(ctx, l.Operator, args[0], args[1:]...)
		})
}

func (c *cli) appRevoke() *cobra.Command {
	return c.inTenant("revoke CLIENT-ID ROLE...", "Revoke application permissions; tokens that carry them stay valid for up to an hour", cobra.MinimumNArgs(2),
		func(ctx context.Context, l *app.Local, args []string) error {
			return l.Manage.RevokeRoles(ctx, l.Operator, args[0], args[1:]...)
		})
}

// addedSecret is what `app secret add` prints, the only time that the secret is to be seen.
type addedSecret struct {
	KeyID   string    `json:"key_id"`
	Secret  string    `json:"secret"`
	Expires time.Time `json:"expires"`
}

func (c *cli) secretAdd() *cobra.Command {
	var out output
	var name string
	var life time.Duration
	cmd := c.inTenant("add CLIENT-ID", "Make a client secret and print it, for the only time", cobra.ExactArgs(1),
		func(ctx context.Context, l *app.Local, args []string) error {
			s, err := l.Manage.AddSecret(ctx, l.Operator, args[0], name, life)
			if err != nil {
				return err
			}
			row := addedSecret{s.KeyID, s.Secret, s.NotAfter}
			return out.print(c.stdout, row, func(t *table) {
				t.row("key id", row.KeyID)
				t.row("secret", row.Secret)
				t.row("expires", row.Expires.Format(time.RFC3339))
			})
		})
	cmd.Flags().StringVar(&name, "name", "", "what the secret is for")
	cmd.Flags().DurationVar(&life, "life", 0, "how long it is valid, such as 720h (default two years)")
	out.flag(cmd)
	return cmd
}

func (c *cli) certificateAdd() *cobra.Command {
	var out output
	var name string
	cmd := c.inTenant("add CLIENT-ID FILE", "Let an app prove itself by a certificate, a PEM or DER file", cobra.ExactArgs(2),
		func(ctx context.Context, l *app.Local, args []string) error {
			file, err := os.ReadFile(args[1])
			if err != nil {
				return fmt.Errorf("read the certificate: %w", err)
			}
			k, err := l.Manage.AddCertificate(ctx, l.Operator, args[0], name, file)
			if err != nil {
				return err
			}
			row := credentialRowOf(k)
			return out.print(c.stdout, row, func(t *table) {
				t.row("key id", row.KeyID)
				t.row("thumbprint", row.Thumbprint)
				t.row("expires", row.Expires.Format(time.RFC3339))
			})
		})
	cmd.Flags().StringVar(&name, "name", "", "what the certificate is for (default: its subject)")
	out.flag(cmd)
	return cmd
}

func (c *cli) credentialRemove(kind string) *cobra.Command {
	return c.inTenant("remove CLIENT-ID KEY-ID", "Take away a "+kind, cobra.ExactArgs(2),
		func(ctx context.Context, l *app.Local, args []string) error {
			return l.Manage.RemoveCredential(ctx, l.Operator, args[0], args[1])
		})
}
