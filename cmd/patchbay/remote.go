package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/patchbay/patchbay/internal/app"
)

// remoteFlags say which service a command manages over the wire, and as whom. What is not given comes from the environment,
// under the names that `patchbay dev` writes into dev.env and Microsoft's clients know.
type remoteFlags struct {
	url, tenant, clientID, secretFile, certificateFile, tokenFile, authority, caFile string
}

func (r *remoteFlags) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&r.url, "url", "", "URL of the service (default $PATCHBAY_URL)")
	f.StringVar(&r.tenant, "tenant", "", "tenant, by id or name (default $AZURE_TENANT_ID)")
	f.StringVar(&r.clientID, "client-id", "", "client id of the app registration (default $AZURE_CLIENT_ID)")
	f.StringVar(&r.secretFile, "client-secret-file", "", "file with its secret, readable for nobody else (default $AZURE_CLIENT_SECRET)")
	f.StringVar(&r.certificateFile, "client-certificate-file", "", "PEM file with its certificate and private key, instead (default $AZURE_CLIENT_CERTIFICATE_PATH)")
	f.StringVar(&r.tokenFile, "token-file", "", "file with a token of any issuer that the service takes, instead of an app")
	f.StringVar(&r.authority, "authority", "", "URL of the token authority (default $AZURE_AUTHORITY_HOST, else the service)")
	f.StringVar(&r.caFile, "ca-file", "", "PEM file with the authorities to trust (default $SSL_CERT_FILE, else the system's)")
}

// connect makes the connection.
func (r *remoteFlags) connect() (*app.Remote, error) {
	or := func(flag, variable string) string {
		if flag != "" {
			return flag
		}
		return os.Getenv(variable)
	}
	o := app.RemoteOptions{
		URL: or(r.url, "PATCHBAY_URL"), TenantID: or(r.tenant, "AZURE_TENANT_ID"), ClientID: or(r.clientID, "AZURE_CLIENT_ID"),
		AuthorityHost: or(r.authority, "AZURE_AUTHORITY_HOST"), CAFile: or(r.caFile, "SSL_CERT_FILE"),
		UserAgent: "patchbay/" + app.Build(version).Version,
	}
	var err error
	switch { // a flag wins over all variables
	case r.tokenFile != "":
		o.Token, err = app.ReadSecret(r.tokenFile, os.Stdin, "the token file")
	case r.secretFile != "":
		o.ClientSecret, err = app.ReadSecret(r.secretFile, os.Stdin, "the client secret file")
	case r.certificateFile != "":
		o.CertificateFile = r.certificateFile
	default:
		o.ClientSecret, o.CertificateFile = os.Getenv("AZURE_CLIENT_SECRET"), os.Getenv("AZURE_CLIENT_CERTIFICATE_PATH")
	}
	if err != nil {
		return nil, err
	}
	return app.Connect(o)
}

// remote makes a command that works on a service over the wire.
func (c *cli) remote(r *remoteFlags, use, short string, args cobra.PositionalArgs, do func(context.Context, *app.Remote, []string) error) *cobra.Command {
	return c.verb(use, short, args, func(cmd *cobra.Command, args []string) error {
		service, err := r.connect()
		if err != nil {
			return err
		}
		return do(cmd.Context(), service, args)
	})
}

// completionTime is how long a shell may have to wait for what could stand here.
const completionTime = 5 * time.Second

// completeConnectors offers the connectors of the service: by id, or by name too. It says nothing when it cannot ask.
func (r *remoteFlags) completeConnectors(names bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if names && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		service, err := r.connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		var offers []cobra.Completion
		for one, err := range service.Connectors(ctx, "") {
			if err != nil {
				break
			}
			name := oneLine(one.DisplayName)
			offers = append(offers, cobra.CompletionWithDesc(one.ID, name))
			if names && name == one.DisplayName {
				offers = append(offers, cobra.CompletionWithDesc(one.DisplayName, one.ID))
			}
		}
		return offers, cobra.ShellCompDirectiveNoFileComp
	}
}

// passwordFlags take a password: it never stands on the command line, where other users of the machine can see it.
type passwordFlags struct {
	prompt bool
	file   string
}

func (p *passwordFlags) flags(cmd *cobra.Command, whose string) {
	cmd.Flags().BoolVar(&p.prompt, "password-prompt", false, "ask for the password "+whose+", without showing it")
	cmd.Flags().StringVar(&p.file, "password-file", "", "file with that password, readable for nobody else; - is standard input")
	cmd.MarkFlagsMutuallyExclusive("password-prompt", "password-file")
}

// read returns the password, nil if none was given.
func (p *passwordFlags) read(ctx context.Context, c *cli, question string) (*string, error) {
	var password string
	var err error
	switch {
	case p.prompt:
		password, err = askPassword(ctx, os.Stdin, c.stderr, question)
	case p.file != "":
		password, err = app.ReadSecret(p.file, os.Stdin, "the password file")
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &password, nil
}

// askPassword reads a secret from a terminal, which does not show it. An interrupt leaves the terminal as it was.
func askPassword(ctx context.Context, terminal *os.File, prompt io.Writer, question string) (string, error) {
	in := int(terminal.Fd())
	before, err := term.GetState(in)
	if err != nil {
		return "", errors.New("there is no terminal to ask for the password at; give it by --password-file FILE, or by --password-file - on standard input")
	}
	fmt.Fprint(prompt, question+": ")
	defer fmt.Fprintln(prompt)
	type typed struct {
		secret []byte
		err    error
	}
	answer := make(chan typed, 1)
	go func() {
		secret, err := term.ReadPassword(in)
		answer <- typed{secret, err}
	}()
	select {
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(in, before))
	case a := <-answer:
		if a.err != nil {
			return "", fmt.Errorf("read the password: %w", a.err)
		}
		return string(a.secret), nil
	}
}
