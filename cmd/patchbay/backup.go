package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
	"github.com/patchbay/patchbay/internal/config"
)

func (c *cli) backup() *cobra.Command {
	cmd := c.verb("backup FILE", "Write a SQLite database to a file, while the service runs", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		cfg, err := c.load(cmd, nil)
		if err != nil {
			return err
		}
		facts, err := app.Backup(cmd.Context(), cfg, args[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%s is a backup of %s: %s. Its secrets are sealed: it is of use with the master key only, which is not in it.\n",
			args[0], cfg.Database, contents(facts))
		return nil
	})
	cmd.Long = `Write the database, as it is at one moment, to FILE, which must not exist and is readable by its owner only. The service may run and write
meanwhile. The backup is read again in full before it gets its name. No master key is needed, and none is in it: keep that elsewhere.
A PostgreSQL database is backed up with its own tools: docs/operating.md has the commands.`
	config.AddFlags(cmd.Flags(), nil, "data_dir", "database")
	return cmd
}

func (c *cli) restore() *cobra.Command {
	cmd := c.verb("restore FILE", "Put a backup in the place of a SQLite database that does not exist", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		cfg, err := c.load(cmd, nil)
		if err != nil {
			return err
		}
		facts, err := app.Restore(cmd.Context(), cfg, args[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%s was restored from %s: %s. Run `patchbay key verify` before you start the service.\n", cfg.Database, args[0], contents(facts))
		return nil
	})
	cmd.Long = `Put a backup that 'patchbay backup' made in the place of the database, which must not exist. The master key that the backup was made
under must be there; with another key, a damaged file or one of a newer version nothing is put in place.`
	config.AddFlags(cmd.Flags(), nil, "data_dir", "database", "master_key_file")
	return cmd
}

// contents tells what is in a backup.
func contents(f app.BackupFacts) string {
	return fmt.Sprintf("schema version %d, %d rows in %d tables, %d octets", f.Schema, f.Total(), len(f.Rows), f.Bytes)
}
