package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/patchbay/patchbay/internal/app"
)

func (c *cli) man() *cobra.Command {
	return c.verb("man DIR", "Write the manual pages of all commands into a directory", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // manual pages are for everybody
			return fmt.Errorf("make the directory: %w", err)
		}
		root := cmd.Root()
		root.DisableAutoGenTag = true // which names the day
		header := &doc.GenManHeader{Section: "1", Source: "Patchbay " + app.Build(version).Version, Manual: "Patchbay"}
		if err := doc.GenManTree(root, header, args[0]); err != nil {
			return fmt.Errorf("write the manual pages: %w", err)
		}
		return nil
	})
}
