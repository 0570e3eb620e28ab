package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/patchbay/patchbay/internal/app"
)

// exitChanges is the exit code of a dry run that has something to do, as terraform plan -detailed-exitcode has it.
const exitChanges = 2

// exitError ends a command that has said everything with an exit code of its own.
type exitError struct{ code int }

// Error says nothing.
func (exitError) Error() string { return "" }

// lookupEnv is where secrets named by {env: …} come from.
func lookupEnv(name string) (string, bool) { return os.LookupEnv(name) }

func (c *cli) applying() *cobra.Command {
	r := &remoteFlags{}
	var f importFlags
	var file string
	cmd := c.verb("apply", "Make a tenant match a file: the plan first, then the deed", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		return c.carry(cmd.Context(), r, f, []string{file})
	})
	cmd.Long = `Show what would make the tenant match the file, ask, and do it. A second time there is nothing to do.
A secret cannot be compared. It is set where a connector is new, proves itself in another way or has another user name; all that
are given are set with --set-secrets. A certificate is compared by its thumbprint, and a new one is added beside the old ones.
Exit codes: 0 done, or nothing to do; 1 an error; 2 with --dry-run, there is something to do.`
	cmd.Flags().StringVarP(&file, "filename", "f", "", "the file, patchbay.yaml; - is standard input")
	cmd.Flags().BoolVar(&f.plan.Prune, "prune", false, "delete what the file does not have, of what it speaks of: connectors, user flows")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	f.flags(cmd)
	require(cmd, "filename")
	r.flags(cmd)
	return cmd
}

// printPlan prints what a plan does.
func (c *cli) printPlan(plan app.Plan) {
	signs := map[any]string{app.PlanCreate: "+", app.PlanChange: "~", app.PlanDelete: "-", app.PlanSame: "="}
	var text output
	for _, step := range plan.Steps {
		what := "connector"
		if step.IsFlow {
			what = "user flow"
		}
		fmt.Fprintf(c.stdout, "%s %s %q\n", signs[step.Action], what, step.Name)
		_ = text.print(c.stdout, nil, func(t *table) { // a table that cannot be written shows in the next line
			for _, e := range step.Effects {
				switch {
				case e.Before == "" || step.Action == app.PlanCreate:
					t.row("    "+e.Member, oneLine(e.After))
				default:
					t.row("    "+e.Member, oneLine(e.Before)+" → "+oneLine(e.After))
				}
			}
		})
	}
	if plan.Changes() == 0 {
		fmt.Fprintf(c.stdout, "Nothing to do: %d are the same.\n", len(plan.Steps))
		return
	}
	fmt.Fprintf(c.stdout, "Plan: %s, %d stay the same.\n", counts(plan, "to create", "to change", "to delete"), plan.Count(app.PlanSame))
}

func counts(plan app.Plan, created, changed, deleted string) string {
	return fmt.Sprintf("%d %s, %d %s, %d %s", plan.Count(app.PlanCreate), created, plan.Count(app.PlanChange), changed, plan.Count(app.PlanDelete), deleted)
}

// confirm asks at a terminal whether to go on.
func confirm(ctx context.Context, in *os.File, out io.Writer) error {
	if !term.IsTerminal(int(in.Fd())) {
		return errors.New("nothing was done: there is no terminal to ask at; give --yes, or look at the plan with --dry-run")
	}
	fmt.Fprint(out, "Do this? Only yes goes on: ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n') // whatever is not yes is no
		answer <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(out)
		return ctx.Err()
	case line := <-answer:
		if strings.TrimSpace(line) != "yes" {
			return errors.New("nothing was done")
		}
		return nil
	}
}

// progressAfter is how long something must take to get a bar.
const progressAfter = 2 * time.Second

// progress draws a bar on a terminal for what takes long.
type progress struct {
	terminal io.Writer
	began    time.Time
	bar      *progressbar.ProgressBar
}

// report takes note of how far things are.
func (p *progress) report(done, total int, what string) {
	if p.began.IsZero() {
		p.began = time.Now()
	}
	if done == total {
		p.end()
		return
	}
	file, ok := p.terminal.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return
	}
	if p.bar == nil {
		if time.Since(p.began) < progressAfter {
			return
		}
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.terminal), progressbar.OptionShowCount(),
			progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	}
	p.bar.Describe(oneLine(what))
	_ = p.bar.Set(done) // a bar that cannot be drawn stops nothing
}

// end takes the bar away. What comes next has its own.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear() // as in report
	}
	p.bar, p.began = nil, time.Time{}
}
