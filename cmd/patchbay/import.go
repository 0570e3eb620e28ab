package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
)

// importFlags are those of import and apply.
type importFlags struct {
	from, secrets, template string
	dry, yes                bool
	plan                    app.PlanOptions
}

func (f *importFlags) flags(cmd *cobra.Command) {
	forms := app.TransferForms()
	from := &choice{allowed: forms}
	cmd.Flags().Var(from, "from", "form of the files: "+strings.Join(forms, ", ")+" (default: by name and content)")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp)) // fails for unknown flags only
	cmd.Flags().StringVar(&f.secrets, "secrets", "", "file that says where the secrets are, readable for nobody else")
	cmd.Flags().StringVar(&f.template, "secrets-template", "", "write such a file for the secrets that are missing, to be filled in")
	cmd.Flags().BoolVar(&f.plan.SetSecrets, "set-secrets", false, "set every secret that is given, also where one is set already")
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "show the plan and change nothing; exit code 2 if there is anything to do")
	cmd.PreRun = func(*cobra.Command, []string) { f.from = from.value }
}

func (c *cli) importing() *cobra.Command {
	r := &remoteFlags{}
	var f importFlags
	f.yes = true
	cmd := c.verb("import FILE...", "Take connectors and user flows over from an export", cobra.MinimumNArgs(1), func(cmd *cobra.Command, args []string) error {
		return c.carry(cmd.Context(), r, f, args)
	})
	cmd.Long = `Make what the files have and the tenant has not, change what differs, and link the user flows; nothing is deleted. The files
are answers of Microsoft Graph (JSON), a configuration of Microsoft365DSC (.ps1), a state of Terraform with the provider
microsoft/msgraph (JSON), or patchbay.yaml; - is standard input.
No export holds secrets. Those that must be given again are listed, and nothing is done before they are in the file of --secrets.`
	f.flags(cmd)
	r.flags(cmd)
	return cmd
}

// carry reads files, shows what is to do, and does it.
func (c *cli) carry(ctx context.Context, r *remoteFlags, f importFlags, files []string) error {
	d, err := app.ReadDocument(files, f.from, os.Stdin)
	if err != nil {
		return err
	}
	c.notes(d.Notes)
	if f.secrets != "" {
		if err := app.GiveSecrets(&d, f.secrets); err != nil {
			return err
		}
	}
	return c.withTransfer(ctx, r, func(ctx context.Context, t *app.Transfer) error {
		plan, unread, err := t.Plan(ctx, d, f.plan)
		if err != nil {
			return err
		}
		c.notes(t.Notes)
		c.printPlan(plan)
		if err := c.missing(plan, f); err != nil {
			return err
		}
		switch {
		case f.dry:
			for _, err := range unread {
				fmt.Fprintf(c.stderr, "note: a secret is missing yet: %s\n", oneLine(err.Error()))
			}
			if plan.Changes() > 0 {
				return exitError{exitChanges}
			}
			return nil
		case len(plan.Lacks()) > 0:
			return fmt.Errorf("nothing was done: %d connectors lack a secret; give it by --secrets", len(plan.Lacks()))
		case len(unread) > 0:
			return fmt.Errorf("nothing was done: %w", errors.Join(unread...))
		case plan.Changes() == 0:
			return nil
		}
		if !f.yes {
			if err := confirm(ctx, os.Stdin, c.stdout); err != nil {
				return err
			}
		}
		if err := t.Carry(ctx, plan); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, "Done: %s.\n", counts(plan, "created", "changed", "deleted"))
		return err
	})
}

// missing lists the secrets that must be given again.
func (c *cli) missing(plan app.Plan, f importFlags) error {
	lacks := plan.Lacks()
	if len(lacks) == 0 {
		return nil
	}
	fmt.Fprintln(c.stdout, "\nThese secrets must be given again:")
	var text output
	err := text.print(c.stdout, nil, func(t *table) {
		t.row("CONNECTOR", "SECRET")
		for _, step := range lacks {
			t.row(oneLine(step.Name), secretWords(step.Lacks))
		}
	})
	if err != nil || f.template == "" {
		return err
	}
	if err := app.WriteSecretsTemplate(plan, f.template); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "%s was written: fill it in, and give it by --secrets.\n", f.template)
	return err
}

func secretWords(members []string) string {
	words := strings.Join(members, ", ")
	if words == "pkcs12" {
		words += ", and its password if it has one"
	}
	return words
}
