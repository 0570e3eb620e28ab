package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// program is a set of listeners and background tasks that start and stop together.
type program struct {
	log       *slog.Logger
	url       string // the base URL of clients
	public    *listener
	health    *listener // nil: none
	readiness *readiness
	gate      *gate                             // what the public listener serves
	open      http.Handler                      // behind the gate when all is well
	sealed    http.Handler                      // behind the gate while the service is sealed
	tasks     []func(context.Context)           // each runs until its context is done
	delay     time.Duration                     // for which requests are still taken after the stop has begun
	hurry     func() (<-chan os.Signal, func()) // begins to listen for what ends the delay; the function ends that
	grace     time.Duration                     // for requests in flight at the end
	close     func() error                      // after everything else has stopped
}

// run serves until ctx is done or a listener fails, then stops in order: not ready any more, the delay, no new connections,
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
		p.log.Info("stopping", "delay", p.delay.String(), "grace", p.grace.String())
		errs = append(errs, p.linger(failed))
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

// linger says that the program is not ready any more and lets the delay pass, in which load balancers learn of it and send
// nothing more. A further signal ends the delay early, and so does the failure of a listener, which it returns.
func (p *program) linger(failed <-chan error) error {
	if p.delay <= 0 {
		return nil
	}
	signals, forget := p.hurry()
	defer forget() // after it a signal kills
	p.readiness.stopping.Store(true)
	timer := time.NewTimer(p.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case s := <-signals:
		p.log.Info("the delay ends early", "signal", s.String())
	case err := <-failed:
		return err
	}
	return nil
}

// furtherSignals are those that ask for an end, from now until the function is called.
func furtherSignals() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals, func() { signal.Stop(signals) }
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
