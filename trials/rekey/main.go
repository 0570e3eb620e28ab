// Command rekey seals very many secrets, changes the data key that they are sealed under while others go on reading, writing and
// taking steps, kills the rotation with SIGKILL each second, starts it again until it comes to its end, and proves that nothing is
// lost and that the old key opens nothing any more. It ends with 1 if that is not so.
//
//	rekey [-tenants N] [-connectors N] [-kill D] [-single]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/program"
)

func main() {
	var s size
	flag.IntVar(&s.tenants, "tenants", 100, "tenants")
	flag.IntVar(&s.connectors, "connectors", 1000, "connectors of each, with a password each")
	flag.DurationVar(&s.kill, "kill", time.Second, "how long the rotation runs until it is killed")
	flag.DurationVar(&s.longer, "longer", 0, "how much longer each further run is given")
	flag.Float64Var(&s.rate, "rate", 60, "requests per second of the load beside the rotation, at the most")
	single := flag.Bool("single", false, "on one node with SQLite instead of the cluster")
	root := flag.String("root", ".", "top of the repository")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, *single, s); err != nil {
		fmt.Fprintln(os.Stderr, "rekey:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

// size is how much there is to do.
type size struct {
	tenants, connectors int
	kill, longer        time.Duration // of the first run, and what each further one is given more
	rate                float64
}

func run(ctx context.Context, root string, single bool, s size) (err error) {
	if !single {
		c, err := cluster.Open(root)
		if err != nil {
			return err
		}
		return rekey(ctx, c, "PostgreSQL", s, os.Stdout)
	}
	dir, err := os.MkdirTemp("", "rekey")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary, err := program.Find(ctx, root, dir)
	if err != nil {
		return err
	}
	c, stop, err := cluster.Single(ctx, binary, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return rekey(ctx, c, "SQLite", s, os.Stdout)
}
