package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/wire"
)

// The widths of the filling: commands and clients at a time.
const (
	commands = 3
	clients  = 24
)

// fill makes the tenants and their connectors.
func fill(ctx context.Context, c *cluster.Cluster, s size, stamp int64) error {
	pool, err := wire.Pool(c.CAFile)
	if err != nil {
		return err
	}
	tenants := make([]*wire.Client, s.tenants)
	err = each(ctx, commands, s.tenants, func(ctx context.Context, i int) error {
		app, err := c.Tenant(ctx, fmt.Sprintf("rekey-%d-%d.example", stamp, i))
		if err != nil {
			return err
		}
		tenants[i] = wire.New(pool, c.URL, app)
		return tenants[i].Authorize(ctx)
	})
	if err != nil {
		return err
	}
	return each(ctx, clients, s.tenants*s.connectors, func(ctx context.Context, i int) error {
		tenant, n := i%s.tenants, i/s.tenants // many tenants at a time, as in life
		connector := wire.Connector{
			DisplayName: fmt.Sprintf("Connector %d", n), TargetURL: fmt.Sprintf("https://rekey.example/%d", n),
			Authentication: wire.Basic("user", fmt.Sprintf("password %d of tenant %d", n, tenant)),
		}
		key := fmt.Sprintf("fill-%d", n)
		for try := 0; ; try++ {
			a := tenants[tenant].Create(ctx, connector, key)
			if a.Status == http.StatusCreated {
				return nil
			}
			if a.Outcome == wire.Done || try == 20 || ctx.Err() != nil {
				return a.Problem()
			}
		}
	})
}

// each does something for the numbers below n, so many at a time, until one fails.
func each(ctx context.Context, width, n int, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var running sync.WaitGroup
	for range width {
		running.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}
