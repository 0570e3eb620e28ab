package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
)

func (c *cli) connector() *cobra.Command {
	r := &remoteFlags{}
	cmd := noun("connector", "API connectors of a running service, over the wire",
		c.connectorList(r), c.connectorShow(r), c.connectorCreate(r), c.connectorSet(r), c.connectorUpload(r), c.connectorDelete(r),
		c.connectorLink(r), c.connectorUnlink(r))
	cmd.Long = `List, show and change the API connectors of a running service, from anywhere. Which service, and as whom, say the flags or
the environment of clients: for a server of ` + "`patchbay dev`" + `, source its dev.env. Passwords come from a file, from standard input
or from a prompt, never from the command line.`
	r.flags(cmd)
	return cmd
}

// named makes a command whose first argument is the name or id of a connector.
func (c *cli) named(r *remoteFlags, use, short string, args cobra.PositionalArgs, do func(context.Context, *app.Remote, app.RemoteConnector, []string) error) *cobra.Command {
	cmd := c.remote(r, use, short, args, func(ctx context.Context, service *app.Remote, args []string) error {
		one, err := service.Connector(ctx, args[0])
		if err != nil {
			return err
		}
		return do(ctx, service, one, args[1:])
	})
	cmd.ValidArgsFunction = r.completeConnectors(true)
	return cmd
}

func (c *cli) connectorList(r *remoteFlags) *cobra.Command {
	var out choice
	cmd := c.remote(r, "list", "List the connectors, with the days that their certificates have left", cobra.NoArgs,
		func(ctx context.Context, service *app.Remote, _ []string) error {
			all, raw := []app.RemoteConnector{}, []json.RawMessage{}
			for one, err := range service.Connectors(ctx, "") {
				if err != nil {
					return err
				}
				all, raw = append(all, one), append(raw, one.Raw)
			}
			return c.printForm(out, raw, func(t *table) {
				t.row("ID", "NAME", "TARGET URL", "AUTHENTICATION")
				for _, one := range all {
					t.row(one.ID, oneLine(one.DisplayName), oneLine(one.TargetURL), proofOf(one, time.Now()))
				}
			})
		})
	out.flag(cmd, "table", "json", "yaml")
	return cmd
}

func (c *cli) connectorShow(r *remoteFlags) *cobra.Command {
	var out choice
	cmd := c.named(r, "show NAME-or-ID", "Show a connector", cobra.ExactArgs(1),
		func(_ context.Context, _ *app.Remote, one app.RemoteConnector, _ []string) error {
			return c.printConnector(out, one)
		})
	out.flag(cmd, "table", "json", "yaml")
	return cmd
}

// changeFlags say what to make of a connector.
type changeFlags struct {
	url, name, username, pkcs12 string
	password                    passwordFlags
}

func (f *changeFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "url", "", "URL of the endpoint that is called")
	cmd.Flags().StringVar(&f.username, "username", "", "user name of HTTP Basic authentication")
	cmd.Flags().StringVar(&f.pkcs12, "pkcs12", "", "PKCS#12 file with a client certificate; replaces what authentication there was")
	cmd.MarkFlagsMutuallyExclusive("username", "pkcs12")
	f.password.flags(cmd, "of HTTP Basic authentication, or of the PKCS#12 file")
}

// read makes the change that the flags of cmd describe.
func (f *changeFlags) read(ctx context.Context, c *cli, cmd *cobra.Command) (app.RemoteChange, error) {
	var change app.RemoteChange
	for flag, to := range map[string]struct {
		value  *string
		member **string
	}{"url": {&f.url, &change.TargetURL}, "name": {&f.name, &change.DisplayName}, "username": {&f.username, &change.Username}} {
		if cmd.Flags().Changed(flag) {
			*to.member = to.value
		}
	}
	question := "Password"
	if f.pkcs12 != "" {
		question = "Password of the PKCS#12 file"
		var err error
		if change.PKCS12, err = readPKCS12(f.pkcs12); err != nil {
			return change, err
		}
	}
	var err error
	change.Password, err = f.password.read(ctx, c, question)
	return change, err
}

func readPKCS12(path string) ([]byte, error) {
	file, err := os.ReadFile(path)
	if err == nil && len(file) == 0 {
		err = errors.New(path + " is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("the PKCS#12 file: %w", err)
	}
	return file, nil
}

func (c *cli) connectorCreate(r *remoteFlags) *cobra.Command {
	var out choice
	var f changeFlags
	cmd := &cobra.Command{Use: "create NAME", Short: "Make a connector", Args: cobra.ExactArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.username != "" && !f.password.prompt && f.password.file == "" {
			return errors.New("--username needs a password: give --password-prompt or --password-file")
		}
		if f.username == "" && f.pkcs12 == "" {
			return errors.New("a connector proves itself by a password or a certificate: give --username or --pkcs12")
		}
		c.started = true
		service, err := r.connect()
		if err != nil {
			return err
		}
		change, err := f.read(cmd.Context(), c, cmd)
		if err != nil {
			return err
		}
		change.DisplayName = &args[0]
		one, err := service.CreateConnector(cmd.Context(), change)
		if err != nil {
			return err
		}
		return c.printConnector(out, one)
	}
	f.flags(cmd)
	require(cmd, "url")
	out.flag(cmd, "table", "json", "yaml")
	return cmd
}

func (c *cli) connectorSet(r *remoteFlags) *cobra.Command {
	var out choice
	var f changeFlags
	var dry bool
	cmd := c.named(r, "set NAME-or-ID", "Change a connector; what no flag names stays as it is", cobra.ExactArgs(1), nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		changed := false
		for _, name := range []string{"url", "name", "username", "pkcs12", "password-prompt", "password-file"} {
			changed = changed || cmd.Flags().Changed(name)
		}
		if !changed {
			return errors.New("there is nothing to change: give --url, --name, --username, --password-prompt, --password-file or --pkcs12")
		}
		c.started = true
		service, err := r.connect()
		if err != nil {
			return err
		}
		now, err := service.Connector(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		change, err := f.read(cmd.Context(), c, cmd)
		if err != nil {
			return err
		}
		if dry {
			return c.printEffects(out, change, now)
		}
		return service.UpdateConnector(cmd.Context(), now.ID, change)
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&f.name, "name", "", "display name")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would change, and change nothing")
	out.flag(cmd, "table", "json", "yaml")
	return cmd
}

// printEffects prints what a change would make of a connector.
func (c *cli) printEffects(out choice, change app.RemoteChange, now app.RemoteConnector) error {
	effects := change.Effects(now)
	return c.printForm(out, effects, func(t *table) {
		if len(effects) == 0 {
			t.row("nothing would change")
			return
		}
		t.row("MEMBER", "NOW", "", "WOULD BE")
		for _, e := range effects {
			t.row(e.Member, oneLine(e.Before), "→", oneLine(e.After))
		}
	})
}

func (c *cli) connectorUpload(r *remoteFlags) *cobra.Command {
	var out choice
	var file string
	var password passwordFlags
	cmd := c.named(r, "upload NAME-or-ID", "Add a client certificate to those of a connector", cobra.ExactArgs(1),
		func(ctx context.Context, service *app.Remote, one app.RemoteConnector, _ []string) error {
			pkcs12, err := readPKCS12(file)
			if err != nil {
				return err
			}
			given, err := password.read(ctx, c, "Password of the PKCS#12 file")
			if err != nil {
				return err
			}
			if given == nil {
				given = new(string)
			}
			if one, err = service.UploadCertificate(ctx, one.ID, pkcs12, *given); err != nil {
				return err
			}
			return c.printConnector(out, one)
		})
	cmd.Flags().StringVar(&file, "pkcs12", "", "PKCS#12 file")
	require(cmd, "pkcs12")
	password.flags(cmd, "of the PKCS#12 file")
	out.flag(cmd, "table", "json", "yaml")
	return cmd
}

func (c *cli) connectorDelete(r *remoteFlags) *cobra.Command {
	return c.named(r, "delete NAME-or-ID", "Delete a connector", cobra.ExactArgs(1),
		func(ctx context.Context, service *app.Remote, one app.RemoteConnector, _ []string) error {
			return service.DeleteConnector(ctx, one.ID)
		})
}

func (c *cli) connectorLink(r *remoteFlags) *cobra.Command {
	return c.named(r, "link NAME-or-ID USER-FLOW STEP", "Let a step of a user flow call a connector", cobra.ExactArgs(3),
		func(ctx context.Context, service *app.Remote, one app.RemoteConnector, args []string) error {
			return service.Link(ctx, args[0], args[1], one.ID)
		})
}

func (c *cli) connectorUnlink(r *remoteFlags) *cobra.Command {
	return c.remote(r, "unlink USER-FLOW STEP", "Let a step of a user flow call no connector; the connector stays", cobra.ExactArgs(2),
		func(ctx context.Context, service *app.Remote, args []string) error {
			return service.Unlink(ctx, args[0], args[1])
		})
}

// printConnector prints one connector.
func (c *cli) printConnector(out choice, one app.RemoteConnector) error {
	return c.printForm(out, one.Raw, func(t *table) {
		t.row("id", one.ID)
		t.row("name", oneLine(one.DisplayName))
		t.row("target url", oneLine(one.TargetURL))
		t.row("authentication", one.Authentication.Kind())
		if one.Authentication.Username != "" {
			t.row("username", oneLine(one.Authentication.Username))
		}
		for _, certificate := range one.Authentication.Certificates {
			use := ""
			if certificate.IsActive {
				use = "active, "
			}
			t.row("certificate", certificate.Thumbprint+"  "+use+lifeOf(certificate, time.Now()))
		}
	})
}

// printForm prints data in the chosen form.
func (c *cli) printForm(out choice, data any, text func(*table)) error {
	if out.value == "table" {
		columns := output{}
		return columns.print(c.stdout, nil, text)
	}
	var document bytes.Buffer
	e := json.NewEncoder(&document)
	e.SetEscapeHTML(false)
	if err := e.Encode(data); err != nil {
		return err
	}
	return writeDocument(c.stdout, out.value, document.Bytes())
}

// proofOf is how a connector proves itself, in a few words.
func proofOf(one app.RemoteConnector, now time.Time) string {
	words := []string{one.Authentication.Kind()}
	if one.Authentication.Username != "" {
		words = append(words, oneLine(one.Authentication.Username))
	}
	for _, certificate := range one.Authentication.Certificates {
		if certificate.IsActive {
			words = append(words, lifeOf(certificate, now))
		}
	}
	return strings.Join(words, ", ")
}

// lifeOf says how long a certificate is still good.
func lifeOf(certificate app.RemoteCertificate, now time.Time) string {
	ends := time.Unix(certificate.NotAfter, 0).UTC()
	days := int(ends.Sub(now).Hours() / 24)
	switch {
	case now.Before(time.Unix(certificate.NotBefore, 0)):
		return "not valid before " + time.Unix(certificate.NotBefore, 0).UTC().Format(time.DateOnly)
	case !now.Before(ends):
		return "ended on " + ends.Format(time.DateOnly)
	case days == 0:
		return "ends within a day"
	case days == 1:
		return "1 day left"
	}
	return fmt.Sprintf("%d days left, until %s", days, ends.Format(time.DateOnly))
}
