package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// program is a set of listeners and background tasks that start and stop together.
type program struct {
	log       *slog.Logger
	url       string // the base URL of clients
	public    *listener
	health    *listener // nil: none
	readiness *readiness
	tasks     []func(context.Context) // each runs until its context is done
	grace     time.Duration           // for requests in flight at the end
	close     func() error            // after everything else has stopped
}

// run serves until ctx is done or a listener fails, then stops in order: not ready any more, no new connections,
// requests in flight finished, background tasks ended, store closed.
func (p *program) run(ctx context.Context) error {
	tasks, endTasks := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	for _, task := range p.tasks {
		wg.Go(func() { task(tasks) })
	}
	failed := make(chan error, 2)
	wg.Go(func() { failed <- p.public.serve() })
	if p.health != nil {
		wg.Go(func() { failed <- p.health.serve() })
	}

	var errs []error
	select {
	case <-ctx.Done():
		p.log.Info("stopping", "grace", p.grace.String())
	case err := <-failed:
		errs = append(errs, err)
	}
	p.readiness.stopping.Store(true)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.grace)
	defer cancel()
	errs = append(errs, p.public.stop(grace))
	if p.health != nil {
		errs = append(errs, p.health.stop(grace))
	}
	endTasks()
	wg.Wait()
	errs = append(errs, p.close())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p.log.Info("stopped")
	return nil
}

// abandon undoes what was opened for a program that will not run.
func (p *program) abandon() error {
	var errs []error
	for _, l := range []*listener{p.public, p.health} {
		if l != nil {
			errs = append(errs, l.net.Close())
		}
	}
	if p.close != nil {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// every returns a task that does work at once and then each interval. A failure is logged and does not end it.
func every(interval time.Duration, name string, log *slog.Logger, work func(context.Context) error) func(context.Context) {
	return func(ctx context.Context) {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			if err := work(ctx); err != nil && ctx.Err() == nil {
				log.Error("periodic work failed", "work", name, "error", fmt.Sprint(err))
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}
}
