package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
)

func (c *cli) exporting() *cobra.Command {
	r := &remoteFlags{}
	var out choice
	cmd := c.remote(r, "export [FILE]", "Write a tenant's connectors and user flows into a file", cobra.MaximumNArgs(1), nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c.started = true
		form, path := "", ""
		if len(args) > 0 {
			path = args[0]
		}
		if cmd.Flags().Changed("output") {
			form = out.value
		}
		return c.withTransfer(cmd.Context(), r, func(ctx context.Context, t *app.Transfer) error {
			d, err := t.Export(ctx)
			if err != nil {
				return err
			}
			c.notes(d.Notes)
			if err := app.WriteDocument(d, app.ExportForm(form, path), path, c.stdout); err != nil {
				return err
			}
			if path != "" && path != "-" {
				fmt.Fprintf(c.stderr, "%s: %d connectors, %d user flows\n", path, len(d.Connectors), len(d.Flows))
			}
			return nil
		})
	}
	cmd.Long = `Write a tenant's connectors, how they are called, and its user flows with what their steps call, to standard output or
into a file. No secret is in it: they cannot be read. The form is that of --output, or else what the file's name says: .json,
.ps1, .tf, all else patchbay.`
	out.flag(cmd, app.TransferForms()...)
	r.flags(cmd)
	return cmd
}

// withTransfer connects, and moves documents.
func (c *cli) withTransfer(ctx context.Context, r *remoteFlags, do func(context.Context, *app.Transfer) error) error {
	service, err := r.connect()
	if err != nil {
		return err
	}
	bar := &progress{terminal: c.stderr}
	defer bar.end()
	return do(ctx, &app.Transfer{Remote: service, LookupEnv: lookupEnv, Progress: bar.report})
}

// notes says on stderr what was left behind.
func (c *cli) notes(notes []string) {
	for _, note := range notes {
		fmt.Fprintf(c.stderr, "note: %s\n", oneLine(note))
	}
}
