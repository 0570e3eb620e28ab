package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
	"github.com/patchbay/patchbay/internal/config"
)

// exitSourceChanged is the exit code of a copy that is good, but of a source that is not the same any more.
const exitSourceChanged = 3

func (c *cli) db() *cobra.Command {
	return noun("db", "The database as a whole", c.dbCopy())
}

// copied is what `db copy -o json` prints.
type copied struct {
	Schema  int64         `json:"schema"`
	Rows    int64         `json:"rows"`
	Changed int64         `json:"changed_since"`
	Tables  []copiedTable `json:"tables"`
}

type copiedTable struct {
	Name    string `json:"table"`
	Rows    int64  `json:"rows"`
	Digest  string `json:"sha256"`
	Changed int64  `json:"changed_since"`
}

func (c *cli) dbCopy() *cobra.Command {
	var from, to string
	var lock, hold bool
	var out output
	cmd := c.verb("copy", "Copy a database to another, SQLite or PostgreSQL, and compare them row by row", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		source, err := dataSource("from", from, os.Getenv(config.CopyFromVariable), config.CopyFromVariable)
		if err != nil {
			return err
		}
		target, err := dataSource("to", to, os.Getenv(config.CopyToVariable), config.CopyToVariable)
		if err != nil {
			return err
		}
		if hold && !lock {
			return fmt.Errorf("--hold keeps writers out of the source after the copy, so it needs --lock-source")
		}
		o := app.CopyOptions{Lock: lock, Progress: (&copyProgress{w: c.stderr}).show}
		if hold {
			o.Hold = func(ctx context.Context, report app.CopyReport) error {
				if err := c.printCopy(out, report); err != nil {
					return err
				}
				fmt.Fprintf(c.stderr, "the copy is good. Writers are kept out of %s until this command is ended (Ctrl-C or SIGTERM): start the service on %s now\n", source, target)
				<-ctx.Done()
				return nil
			}
		}
		report, err := app.CopyDatabase(cmd.Context(), source, target, o)
		if err != nil {
			return err
		}
		if hold {
			return nil
		}
		return c.printCopy(out, report)
	})
	cmd.Long = `Copy all rows of a database, as it is at one moment, to another one that has none, of the same kind or the other. Secrets stay sealed and no
master key is needed: the same key opens them in the copy. Then all rows of both are read and compared.

--from and --to are what the setting database may be: a path, or a PostgreSQL URL, whose password is not for the command line: it may be in
PATCHBAY_COPY_FROM and PATCHBAY_COPY_TO, which stand for the flags, in PGPASSWORD, or in a passfile.

While it runs, services on the source go on reading; who writes is answered 429 or 503 and told to come again, sign-up steps too, which write
receipts. With --lock-source=false they write, and what they write meanwhile is not in the copy: the command tells how much it is. To move a
service so that nothing is lost, add --hold, start the service on the copy when the command says that it is good, and then end the command:
docs/moving-databases.md goes through it.

Until the copy is compared the target is marked as unfinished, and no service starts on it. After an interruption or an error run the command
again: it begins anew.
Exit codes: 0 the copy is good; 1 it is not; 3 it is good, but the source has been changed since.`
	cmd.Flags().StringVar(&from, "from", "", "the source; also "+config.CopyFromVariable)
	cmd.Flags().StringVar(&to, "to", "", "the target; also "+config.CopyToVariable)
	cmd.Flags().BoolVar(&lock, "lock-source", true, "keep writers out of the source while it is copied; readers go on")
	cmd.Flags().BoolVar(&hold, "hold", false, "when the copy is good, keep writers out of the source until this command is ended")
	out.flag(cmd)
	return cmd
}

// dataSource reads a database that a flag names, or a variable.
func dataSource(flag, text, fallback, variable string) (config.Database, error) {
	name := "--" + flag
	if text == "" {
		name, text = variable, fallback
	}
	if text == "" {
		return config.Database{}, fmt.Errorf("--%s or %s must say which database; see patchbay db copy --help", flag, variable)
	}
	instead := ""
	if name != variable {
		instead = variable
	}
	d, err := config.ParseDatabase(text, instead)
	if err != nil {
		return config.Database{}, fmt.Errorf("%s %w", name, err)
	}
	return d, nil
}

// printCopy prints what was copied; an error tells that the source was changed since.
func (c *cli) printCopy(out output, report app.CopyReport) error {
	r := copied{Schema: report.Schema, Tables: []copiedTable{}}
	for _, t := range report.Tables {
		r.Rows, r.Changed = r.Rows+t.Rows, r.Changed+t.Changed
		r.Tables = append(r.Tables, copiedTable{t.Name, t.Rows, hex.EncodeToString(t.Digest), t.Changed})
	}
	if report.Restarted {
		fmt.Fprintln(c.stderr, "the target was an unfinished copy, whose rows were removed first")
	}
	err := out.print(c.stdout, r, func(t *table) {
		t.row("TABLE", "ROWS", "SHA-256 OF BOTH", "CHANGED SINCE")
		for _, line := range r.Tables {
			t.row(line.Name, fmt.Sprint(line.Rows), line.Digest, fmt.Sprint(line.Changed))
		}
		t.row("all", fmt.Sprint(r.Rows), "", fmt.Sprint(r.Changed))
	})
	if err == nil && r.Changed > 0 {
		fmt.Fprintf(c.stderr, "patchbay: the copy is good, but %d rows of the source have been changed since it began; to have them, copy to a new database with --lock-source\n", r.Changed)
		return exitError{exitSourceChanged}
	}
	return err
}

// progressEvery is how often people are told how far a copy is.
const progressEvery = 2 * time.Second

// copyProgress tells people how far a copy is.
type copyProgress struct {
	w    io.Writer
	last time.Time
}

func (p *copyProgress) show(now app.CopyProgress) {
	if time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	doing := "copying"
	if now.Verifying {
		doing = "comparing"
	}
	fmt.Fprintf(p.w, "%s %s: %d of %d rows\n", doing, now.Table, now.Done, now.Total)
}
