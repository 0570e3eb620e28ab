package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
)

func (c *cli) tenant() *cobra.Command {
	return noun("tenant", "Tenants of the local token authority", c.tenantCreate(), c.tenantList())
}

// tenantRow is a tenant as the commands print it.
type tenantRow struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

func printTenants(t *table, rows ...tenantRow) {
	t.row("ID", "NAME", "CREATED")
	for _, r := range rows {
		t.row(r.ID, r.Name, r.Created.Format(time.RFC3339))
	}
}

func (c *cli) tenantCreate() *cobra.Command {
	var out output
	var id string
	cmd := c.localCreating("create NAME", "Make a tenant; NAME is a DNS name that may stand for its id in URLs", true, cobra.ExactArgs(1),
		func(ctx context.Context, l *app.Local, args []string) error {
			t, err := l.Manage.CreateTenant(ctx, l.Operator, args[0], id)
			if err != nil {
				return err
			}
			row := tenantRow{t.ID, t.Name, t.CreatedAt}
			return out.print(c.stdout, row, func(t *table) { printTenants(t, row) })
		})
	cmd.Flags().StringVar(&id, "id", "", "id of a tenant known from elsewhere, a GUID (default: a new one)")
	out.flag(cmd)
	return cmd
}

func (c *cli) tenantList() *cobra.Command {
	var out output
	cmd := c.local("list", "List the tenants", cobra.NoArgs, func(ctx context.Context, l *app.Local, _ []string) error {
		tenants, err := l.Manage.ListTenants(ctx, l.Operator)
		if err != nil {
			return err
		}
		rows := make([]tenantRow, len(tenants))
		for i, t := range tenants {
			rows[i] = tenantRow{t.ID, t.Name, t.CreatedAt}
		}
		return out.print(c.stdout, rows, func(t *table) { printTenants(t, rows...) })
	})
	out.flag(cmd)
	return cmd
}
