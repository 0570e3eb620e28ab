package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
	"github.com/patchbay/patchbay/internal/config"
)

func (c *cli) migrate() *cobra.Command {
	var check bool
	defaults := map[string]string{"log.level": "warn", "log.format": "text"}
	cmd := c.verb("migrate", "Bring the schema of the database up to date", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		cfg, err := c.load(cmd, defaults)
		if err != nil {
			return err
		}
		if check {
			return c.checkSchema(cmd, cfg)
		}
		before, after, err := app.Migrate(cmd.Context(), cfg, app.NewLogger(cfg, c.stderr))
		if err != nil {
			return err
		}
		switch before.Present {
		case after.Present:
			c.tellUpToDate(after)
		case 0:
			fmt.Fprintf(c.stdout, "a schema of version %d was made\n", after.Present)
		default:
			fmt.Fprintf(c.stdout, "the schema was migrated from version %d to %d\n", before.Present, after.Present)
		}
		return nil
	})
	cmd.Long = `Bring the schema of the database up to date, and say from which version to which. It needs no master key. Any number of these
commands and of nodes may run on the database meanwhile: one of them migrates, and nodes of the version before go on working with the
new schema. With database_migrate=auto, which is the default, every start does the same; with manual, a start with an older schema is refused
until this command has run.
Exit codes: 0 done, or nothing to do; 1 an error; 2 with --check, there is something to do.`
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; tell by the exit code whether there is something to do")
	config.AddFlags(cmd.Flags(), defaults, "data_dir", "database")
	return cmd
}

func (c *cli) checkSchema(cmd *cobra.Command, cfg *config.Config) error {
	found, err := app.SchemaOf(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	switch {
	case found.Present >= found.Newest:
		c.tellUpToDate(found)
		return nil
	case found.Present == 0:
		fmt.Fprintf(c.stdout, "there is no schema yet; `patchbay migrate` makes one of version %d\n", found.Newest)
	default:
		fmt.Fprintf(c.stdout, "the schema has version %d; `patchbay migrate` brings it to %d\n", found.Present, found.Newest)
	}
	return exitError{exitChanges}
}

func (c *cli) tellUpToDate(s app.Schema) {
	if s.Present > s.Newest {
		fmt.Fprintf(c.stdout, "the schema has version %d, which is newer than this program's %d; there is nothing to do\n", s.Present, s.Newest)
		return
	}
	fmt.Fprintf(c.stdout, "the schema is up to date: version %d\n", s.Present)
}
