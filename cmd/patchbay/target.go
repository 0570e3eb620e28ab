package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
)

func (c *cli) target() *cobra.Command {
	var o app.TargetOptions
	var login loginFlags
	var fault string
	cmd := &cobra.Command{Use: "target", Short: "Run a connector endpoint for demos and tests", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) (err error) {
		if o.Basic, err = login.read(); err != nil {
			return err
		}
		if fault != "" {
			if o.Answer != "" {
				return errors.New("give --answer or --fault, not both")
			}
			o.Answer, o.IgnoreEmail = fault, true
		}
		c.started = true
		return app.Target(cmd.Context(), o, slog.New(slog.NewTextHandler(c.stderr, nil)), c.stdout)
	}}
	cmd.Long = "Run an HTTPS endpoint that answers as a connector's target should, or fails in a chosen way. It prints how to call it,\n" +
		"how to bind it, and then a line for each call: never a credential, and values of claims only with --show-values.\n\n" +
		"What an email asks for wins over --answer; --fault wins over both. The behaviours:\n\n" + behaviourTable()
	f := cmd.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8444", "address to listen on")
	f.StringVar(&o.DataDir, "data-dir", app.DevDefaults["data_dir"], "directory of the certificate made on the spot; the same as that of `patchbay dev`")
	f.StringVar(&o.CertFile, "tls-cert-file", "", "server certificate with its chain, PEM (default: one for localhost, made on the spot)")
	f.StringVar(&o.KeyFile, "tls-key-file", "", "its private key, PEM")
	f.StringVar(&o.Answer, "answer", "", "behaviour for emails that ask for none (default continue)")
	f.StringVar(&fault, "fault", "", "behaviour for every call")
	f.StringVar(&o.Message, "message", "", "userMessage of a block page or a validation error")
	f.StringArrayVar(&o.Claims, "claim", nil, "claim of Continue as name=value, such as extension_LoyaltyId=L-1, extension_Vip=true; may be repeated")
	f.DurationVar(&o.Delay, "delay", 0, "time to let pass before every answer, such as 2s")
	f.BoolVar(&o.IgnoreEmail, "ignore-email", false, "emails do not choose the behaviour")
	f.BoolVar(&o.Careless, "careless", false, "take any method, any media type and a body that is no JSON for a call")
	f.StringVar(&o.ClientCAFile, "client-ca", "", "certificates, PEM, from which client certificates have to come; makes them required")
	f.StringVar(&o.ClientCertificate, "client-certificate", "", "ignored, optional or required (default optional, required with --client-ca)")
	f.BoolVar(&o.CertificateSuffices, "certificate-suffices", false, "a caller with a client certificate needs no password")
	f.BoolVar(&o.ShowValues, "show-values", false, "print the values of claims too")
	login.flags(cmd)
	return cmd
}

// behaviourTable is the table of behaviours for people.
func behaviourTable() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  EMAIL\tNAME\tANSWER")
	for _, row := range app.TargetBehaviours() {
		email := "-"
		if row.Prefix != "" {
			email = row.Prefix + "…@"
		}
		if row.Number != "" {
			email = row.Prefix + "<" + row.Number + ">…@"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", email, row.Name, row.What)
	}
	_ = w.Flush() // into memory
	return b.String()
}

// loginFlags are the flags for a user name and password.
type loginFlags struct{ text, file, env string }

func (l *loginFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.text, "basic", "", "user:password; other users of the machine can see it, so prefer one of the next two")
	cmd.Flags().StringVar(&l.file, "basic-file", "", "file that holds user:password, readable for nobody else")
	cmd.Flags().StringVar(&l.env, "basic-env", "", "name of the environment variable that holds user:password")
}

// read chooses the one that was given.
func (l *loginFlags) read() (app.Login, error) {
	given := 0
	for _, v := range []string{l.text, l.file, l.env} {
		if v != "" {
			given++
		}
	}
	if given > 1 {
		return app.Login{}, errors.New("give one of --basic, --basic-file and --basic-env")
	}
	login := app.Login{Text: l.text, File: l.file, Env: l.env}
	if l.env != "" {
		value, set := os.LookupEnv(l.env)
		if !set {
			return app.Login{}, fmt.Errorf("the environment variable %s is not set", l.env)
		}
		login.Text = value
	}
	return login, nil
}
