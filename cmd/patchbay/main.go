// Command patchbay is a self-hosted service that is wire-compatible with Microsoft Graph's identity API connectors.
//
// Each file holds the verbs of one noun. Commands read flags, call package app and print; they hold no rule.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/config"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errSilent fails a command that has said everything already.
var errSilent = errors.New("")

func main() {
	// The first signal asks for an orderly end. After it the signals act as usual, so that a second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit code. Whatever fails is one line on stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := &cli{stdout: stdout, stderr: stderr}
	root := c.root()
	root.SetArgs(mgcArguments(args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if code := (exitError{}); errors.As(err, &code) {
		return code.code
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintf(stderr, "patchbay: %s\n", strings.Join(strings.Fields(err.Error()), " "))
	}
	if !c.started {
		return exitUsage
	}
	return exitFailed
}

// cli is what the commands share.
type cli struct {
	stdout, stderr io.Writer
	configFile     string
	started        bool // the command line was understood; what fails from here on is no misuse
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "patchbay",
		Short:         "A self-hosted Microsoft Graph for identity API connectors",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVar(&c.configFile, "config", "", "settings file (YAML); also "+config.FileVariable)
	root.AddCommand(c.dev(), c.serve(), c.target(), c.lint(), c.tenant(), c.application(), c.key(), c.config(), c.health(), c.version())
	root.AddCommand(c.connector(), c.identity(), c.man())
	root.AddCommand(c.importing(), c.exporting(), c.applying())
	root.AddCommand(c.migrate(), c.db(), c.backup(), c.restore())
	return root
}

// verb makes a command that takes no arguments beyond those of use, and runs do.
func (c *cli) verb(use, short string, args cobra.PositionalArgs, do func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
		c.started = true
		return do(cmd, args)
	}}
}

// noun makes a command that only groups verbs.
func noun(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return fmt.Errorf("%s needs a command; run: %s --help", use, cmd.CommandPath())
	}}
	cmd.AddCommand(verbs...)
	return cmd
}

// require makes flags of cmd mandatory.
func require(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		_ = cmd.MarkFlagRequired(name) // fails only for a flag that was not declared
	}
}

// load reads the settings for cmd, whose flags AddFlags declared.
func (c *cli) load(cmd *cobra.Command, defaults map[string]string) (*config.Config, error) {
	return config.Load(config.Source{File: c.configFile, Flags: cmd.Flags(), Defaults: defaults})
}
