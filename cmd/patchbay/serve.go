package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
	"github.com/patchbay/patchbay/internal/config"
)

func (c *cli) serve() *cobra.Command {
	cmd := c.verb("serve", "Run the service", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		cfg, err := c.load(cmd, nil)
		if err != nil {
			return err
		}
		reload := make(chan os.Signal, 1)
		signal.Notify(reload, syscall.SIGHUP)
		defer signal.Stop(reload)
		return app.Serve(cmd.Context(), cfg, app.NewLogger(cfg, c.stderr), reload)
	})
	cmd.Long = `Run the service until SIGTERM or SIGINT; requests in flight are finished first.
SIGHUP reads the TLS certificate again. docs/config.md explains the settings.`
	config.AddFlags(cmd.Flags(), nil)
	return cmd
}
