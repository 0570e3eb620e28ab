package main

import (
	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
	"github.com/patchbay/patchbay/internal/config"
)

func (c *cli) dev() *cobra.Command {
	cmd := c.verb("dev", "Run a complete development server on localhost", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		cfg, err := c.load(cmd, app.DevDefaults)
		if err != nil {
			return err
		}
		return app.Dev(cmd.Context(), cfg, app.NewLogger(cfg, c.stderr), c.stdout)
	})
	cmd.Long = `Run HTTPS on localhost with a certificate authority, a tenant, an app registration and a demo connector, all made
and kept in the data directory. Prints commands to paste, and writes <data-dir>/dev.env for clients.
Never use such a directory in production: patchbay serve refuses it.`
	config.AddFlags(cmd.Flags(), app.DevDefaults, "data_dir", "listen", "health.listen", "cloud", "throttle", "cors",
		"log.level", "log.format", "connectors.upload_onto_basic", "connectors.unlink_on_delete")
	return cmd
}
