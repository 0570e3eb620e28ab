package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
	"github.com/patchbay/patchbay/internal/config"
)

// local makes a command that works on the database of the data directory.
func (c *cli) local(use, short string, args cobra.PositionalArgs, do func(context.Context, *app.Local, []string) error) *cobra.Command {
	return c.localCreating(use, short, false, args, do)
}

// localCreating is local; with create the command may make the database.
func (c *cli) localCreating(use, short string, create bool, args cobra.PositionalArgs, do func(context.Context, *app.Local, []string) error) *cobra.Command {
	defaults := map[string]string{"log.level": "warn", "log.format": "text"}
	cmd := c.verb(use, short, args, func(cmd *cobra.Command, args []string) error {
		cfg, err := c.load(cmd, defaults)
		if err != nil {
			return err
		}
		l, err := app.OpenLocal(cmd.Context(), cfg, app.NewLogger(cfg, c.stderr), create)
		if err != nil {
			return err
		}
		return errors.Join(do(cmd.Context(), l, args), l.Close())
	})
	config.AddFlags(cmd.Flags(), defaults, append(keySettings(), "data_dir", "database")...)
	return cmd
}
