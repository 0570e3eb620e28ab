package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/config"
)

// probeTimeout is how long the health listener may take to answer.
const probeTimeout = 5 * time.Second

func (c *cli) health() *cobra.Command {
	cmd := c.verb("health", "Ask a running service on this machine whether it is ready", cobra.NoArgs,
		func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(cmd, nil)
			if err != nil {
				return err
			}
			if cfg.HealthListen == "" {
				return fmt.Errorf("health.listen is empty: there is no health listener to ask")
			}
			if err := probe(cmd.Context(), cfg.HealthListen); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.stdout, "ready")
			return err
		})
	config.AddFlags(cmd.Flags(), nil, "health.listen")
	return cmd
}

// probe asks the health listener at address, from this machine.
func probe(ctx context.Context, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("health.listen: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", http.NoBody)
	if err != nil {
		return fmt.Errorf("ask the health listener: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: probeTimeout} // no proxy in between
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the service does not answer: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(res.Body, 200)) // why, in a few words; without them the status has to do
		return fmt.Errorf("the service is not ready (it answers %s: %s)", res.Status, strings.Join(strings.Fields(string(said)), " "))
	}
	return nil
}
