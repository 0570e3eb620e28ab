package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/program"
)

// at is an operation with its interval.
func at(call, returned int64, in input, out output) porcupine.Operation {
	return porcupine.Operation{Input: in, Output: out, Call: call, Return: returned}
}

// TestModel decides histories made by hand.
func TestModel(t *testing.T) {
	t.Parallel()
	one, two := values{1, 1, 1}, values{2, 2, 2}
	born := at(0, 1, input{create, "a", one}, output{})
	wrote := at(2, 3, input{patch, "a", two}, output{})
	gone := at(2, 3, input{action: remove, id: "a"}, output{})
	maybe := at(2, 100, input{patch, "a", two}, output{reply: unknown})
	saw := func(call, returned int64, v values) porcupine.Operation {
		return at(call, returned, input{action: get, id: "a"}, output{values: v})
	}
	missed := func(call, returned int64) porcupine.Operation {
		return at(call, returned, input{action: get, id: "a"}, output{reply: absent})
	}
	for name, c := range map[string]struct {
		history []porcupine.Operation
		want    bool
	}{
		"read what was written":                     {[]porcupine.Operation{born, wrote, saw(4, 5, two)}, true},
		"stale read":                                {[]porcupine.Operation{born, wrote, saw(4, 5, one)}, false},
		"read beside a write: before or after":      {[]porcupine.Operation{born, wrote, saw(2, 3, one), saw(2, 3, two)}, true},
		"read beside a write: back again":           {[]porcupine.Operation{born, at(2, 20, wrote.Input.(input), output{}), saw(4, 5, two), saw(6, 7, one)}, false},
		"unknown, never seen":                       {[]porcupine.Operation{born, maybe, saw(4, 5, one)}, true},
		"unknown, seen late":                        {[]porcupine.Operation{born, maybe, saw(4, 5, one), saw(6, 7, two)}, true},
		"unknown, seen and then not":                {[]porcupine.Operation{born, maybe, saw(4, 5, two), saw(6, 7, one)}, false},
		"one part written":                          {[]porcupine.Operation{born, at(2, 3, input{patch, "a", values{url: 2}}, output{}), saw(4, 5, values{1, 2, 1})}, true},
		"parts of two writes":                       {[]porcupine.Operation{born, wrote, saw(4, 5, values{1, 2, 2})}, false},
		"two changes of parts, one lost":            {[]porcupine.Operation{born, at(2, 9, input{patch, "a", values{url: 2}}, output{}), at(2, 9, input{patch, "a", values{name: 3}}, output{}), saw(10, 11, values{3, 1, 1})}, false},
		"deleted":                                   {[]porcupine.Operation{born, gone, missed(4, 5)}, true},
		"deleted and read":                          {[]porcupine.Operation{born, gone, saw(4, 5, one)}, false},
		"not found before it was deleted":           {[]porcupine.Operation{born, saw(2, 3, one), missed(4, 5), saw(6, 7, one)}, false},
		"deleted twice":                             {[]porcupine.Operation{born, gone, at(4, 5, gone.Input.(input), output{})}, false},
		"patched after its deletion":                {[]porcupine.Operation{born, gone, at(4, 5, wrote.Input.(input), output{})}, false},
		"deletion unknown, then both at their time": {[]porcupine.Operation{born, at(2, 100, gone.Input.(input), output{reply: unknown}), saw(4, 5, one), missed(6, 7)}, true},
		"deletion unknown, and back again":          {[]porcupine.Operation{born, at(2, 100, gone.Input.(input), output{reply: unknown}), missed(4, 5), saw(6, 7, one)}, false},
		"connectors are apart":                      {[]porcupine.Operation{born, at(0, 1, input{create, "b", two}, output{}), wrote, at(4, 5, input{action: get, id: "b"}, output{values: two})}, true},
	} {
		if got := porcupine.CheckOperations(register, c.history); got != c.want {
			t.Errorf("%s: linearizable = %t, want %t", name, got, c.want)
		}
	}
}

// TestHistories records histories of one node, finds them linearizable, and finds a stale read put into each.
func TestHistories(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	binary, err := program.Find(ctx, filepath.Join("..", ".."), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	node, stop, err := cluster.Single(ctx, binary, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	trial, err := newTrial(ctx, node, options{histories: 3, pictures: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	kill := func(ctx context.Context) error { return node.Do(ctx, "kill", "node1") }
	for i, strike := range []func(context.Context) error{nil, kill, nil} {
		h, err := record(ctx, trial.nodes, strike)
		if err != nil {
			t.Fatal(err)
		}
		if len(h.log) < operations/2 {
			t.Errorf("a history has only %d operations", len(h.log))
		}
		if err := trial.check(i, h, &trial.plain); err != nil {
			t.Fatal(err)
		}
		stale, made := staleRead(h.log)
		if !made {
			t.Fatal("there was no place for a stale read")
		}
		if porcupine.CheckOperations(register, stale) {
			t.Error("a stale read was not found")
		}
	}
	if trial.plain.results[porcupine.Ok] != 3 {
		t.Errorf("results: %v", trial.plain.results)
	}
	if err := trial.print(t.Output()); err != nil {
		t.Error(err)
	}
}
