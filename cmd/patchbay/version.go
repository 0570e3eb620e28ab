package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
)

// version is replaced by `make build`: -ldflags "-X main.version=v1.2.3".
var version = ""

func (c *cli) version() *cobra.Command {
	var out output
	cmd := c.verb("version", "Print what this binary was built from", cobra.NoArgs, func(*cobra.Command, []string) error {
		b := app.Build(version)
		return out.print(c.stdout, b, func(t *table) {
			t.row("version", b.Version)
			if b.Revision != "" {
				t.row("revision", fmt.Sprintf("%s modified=%t", b.Revision, b.Modified))
			}
			t.row("go", b.GoVersion)
			t.row("platform", b.Platform)
		})
	})
	out.flag(cmd)
	return cmd
}
