package main

import (
	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/config"
)

func (c *cli) config() *cobra.Command {
	var out output
	cmd := c.verb("config", "Print the effective settings and where each comes from; secrets are masked", cobra.NoArgs,
		func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(cmd, nil)
			if err != nil {
				return err
			}
			values := cfg.Values()
			return out.print(c.stdout, values, func(t *table) {
				t.row("SETTING", "VALUE", "SOURCE")
				for _, v := range values {
					t.row(v.Key, v.Value, v.Source)
				}
			})
		})
	out.flag(cmd)
	config.AddFlags(cmd.Flags(), nil)
	return cmd
}
