package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "address of the proxy; the front takes a free port beside it")
	flag.StringVar(&o.to, "to", "", "https URL of the server")
	flag.StringVar(&o.ca, "ca", "", "PEM file with the certificate authority of the server")
	flag.Func("map", "HOST:PORT that the proxy leads to the server; may be given again", func(mapping string) error {
		o.maps = append(o.maps, mapping)
		return nil
	})
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	r, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer r.stop()
	ready := map[string]string{"url": r.frontURL(), "proxy": r.proxyURL(), "ca": r.caFile()}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
