package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/patchbay/patchbay/trials/load"
	"github.com/patchbay/patchbay/trials/wire"
)

// The size of a history.
const (
	clients    = 16
	operations = 500
	slots      = 6 // connectors at a time
)

// history is what 16 clients did, each of which talks to a node at random, each time.
type history struct {
	nodes  []*wire.Client
	began  time.Time
	serial atomic.Int64
	count  atomic.Int64 // of operations that have an answer, or an unknown one

	mu      sync.Mutex
	slots   [slots]string // ids; empty: somebody may make one there
	made    []string
	log     []porcupine.Operation
	refused int
	lost    int // creations of unknown outcome: nobody knows their ids, so nothing refers to them, and they are left out
	wrong   error
}

// making stands in a slot while a client makes a connector there.
const making = "making"

// record lets the clients run until there are enough operations. Once there are some, strike is called, if there is any.
func record(ctx context.Context, nodes []*wire.Client, strike func(context.Context) error) (*history, error) {
	h := &history{nodes: nodes, began: time.Now()}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var running sync.WaitGroup
	var struck error
	reached := make(chan struct{})
	if strike != nil {
		running.Go(func() {
			select {
			case <-reached:
				struck = strike(ctx)
			case <-ctx.Done():
			}
		})
	}
	var once sync.Once
	at := int64(50 + load.Pick(150))
	for client := range clients {
		running.Go(func() {
			for ctx.Err() == nil && h.count.Load() < operations && h.err() == nil {
				h.turn(ctx, client)
				if h.count.Load() >= at {
					once.Do(func() { close(reached) })
				}
			}
		})
	}
	running.Wait()
	h.close()
	return h, errors.Join(struck, h.err(), ctx.Err())
}

func (h *history) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wrong
}

func (h *history) now() int64 { return time.Since(h.began).Nanoseconds() }

// close opens the intervals of what is unknown to the end of the history.
func (h *history) close() {
	end := h.now() + 1
	for i := range h.log {
		if h.log[i].Output.(output).reply == unknown {
			h.log[i].Return = end
		}
	}
}

// turn is one operation of a client.
func (h *history) turn(ctx context.Context, client int) {
	slot := load.Pick(slots)
	h.mu.Lock()
	id := h.slots[slot]
	if id == "" {
		h.slots[slot] = making
	}
	h.mu.Unlock()
	switch at := load.Pick(100); {
	case id == "":
		h.create(ctx, client, slot)
	case id == making:
		load.Wait(ctx, time.Millisecond)
	case at < 45:
		h.do(ctx, client, input{action: get, id: id})
	case at < 96:
		h.do(ctx, client, input{action: patch, id: id, values: h.change()})
	default:
		h.mu.Lock()
		if h.slots[slot] == id {
			h.slots[slot] = ""
		}
		h.mu.Unlock()
		h.do(ctx, client, input{action: remove, id: id})
	}
}

// change is what a PATCH writes: all, or one part.
func (h *history) change() values {
	n := h.serial.Add(1)
	return [...]values{{n, n, n}, {n, n, n}, {name: n}, {url: n}, {username: n}}[load.Pick(5)]
}

// body is what a create or patch sends.
func (v values) body() wire.Connector {
	var c wire.Connector
	if v.name != 0 {
		c.DisplayName = fmt.Sprintf("History %d", v.name)
	}
	if v.url != 0 {
		c.TargetURL = fmt.Sprintf("https://history.example/%d", v.url)
	}
	if v.username != 0 {
		c.Authentication = wire.Basic(fmt.Sprintf("user %d", v.username), fmt.Sprintf("password %d", v.username))
	}
	return c
}

// valuesOf reads them back.
func valuesOf(c wire.Connector) (values, error) {
	var v values
	for _, part := range []struct {
		text string
		into *int64
	}{
		{strings.TrimPrefix(c.DisplayName, "History "), &v.name},
		{strings.TrimPrefix(c.TargetURL, "https://history.example/"), &v.url},
		{strings.TrimPrefix(c.Username(), "user "), &v.username},
	} {
		var err error
		if *part.into, err = strconv.ParseInt(part.text, 10, 64); err != nil {
			return v, fmt.Errorf("a part of connector %s is of no write: %w", c.ID, err)
		}
	}
	return v, nil
}

// node is any of the nodes.
func (h *history) node() *wire.Client { return h.nodes[load.Pick(len(h.nodes))] }

// create makes a connector in a slot, so that the other clients get to know its id.
func (h *history) create(ctx context.Context, client, slot int) {
	n := h.serial.Add(1)
	in := input{action: create, values: values{n, n, n}}
	called := h.now()
	a := h.node().Do(ctx, http.MethodPost, wire.Connectors, in.values.body(), nil)
	returned := h.now()
	var made wire.Connector
	if a.Outcome == wire.Done {
		if err := a.Into(http.StatusCreated, &made); err != nil {
			h.fail(fmt.Errorf("create: %w", err))
		}
	}
	in.id = made.ID
	h.mu.Lock()
	h.slots[slot] = made.ID
	if made.ID != "" {
		h.made = append(h.made, made.ID)
	} else if a.Outcome == wire.Unknown {
		h.lost++
	}
	h.mu.Unlock()
	switch {
	case made.ID != "":
		h.add(client, in, output{}, called, returned)
	case a.Outcome == wire.Unknown:
		h.count.Add(1)
	default:
		h.refuse(ctx)
	}
}

// do carries out an operation on a connector.
func (h *history) do(ctx context.Context, client int, in input) {
	node := h.node()
	called := h.now()
	var a wire.Answer
	switch in.action {
	case get:
		a = node.Read(ctx, in.id)
	case patch:
		a = node.Patch(ctx, in.id, in.values.body())
	default:
		a = node.Delete(ctx, in.id)
	}
	returned := h.now()
	switch {
	case a.Outcome == wire.Refused:
		h.refuse(ctx)
	case a.Outcome == wire.Unknown && in.action == get:
		h.count.Add(1) // says nothing
	case a.Outcome == wire.Unknown:
		h.add(client, in, output{reply: unknown}, called, returned)
	case a.Status == http.StatusNotFound:
		h.add(client, in, output{reply: absent}, called, returned)
	case in.action == get:
		var c wire.Connector
		err := a.Into(http.StatusOK, &c)
		var seen values
		if err == nil {
			seen, err = valuesOf(c)
		}
		if err != nil {
			h.fail(err)
			return
		}
		h.add(client, in, output{values: seen}, called, returned)
	case a.Status == http.StatusNoContent:
		h.add(client, in, output{}, called, returned)
	default:
		h.fail(fmt.Errorf("%s %w", in.action, a.Problem()))
	}
}

func (h *history) add(client int, in input, out output, called, returned int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count.Add(1)
	h.log = append(h.log, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: called, Return: returned})
}

// refuse counts a request that was not carried out, which is no operation, and waits a little.
func (h *history) refuse(ctx context.Context) {
	h.mu.Lock()
	h.refused++
	h.mu.Unlock()
	load.Wait(ctx, 100*time.Millisecond)
}

func (h *history) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = errors.Join(h.wrong, err)
}

// tidy deletes what a history left, as well as it can.
func (h *history) tidy(ctx context.Context, client *wire.Client) {
	for _, id := range h.made {
		_ = client.Delete(ctx, id)
	}
}
