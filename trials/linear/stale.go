package main

import (
	"slices"

	"github.com/anishathalye/porcupine"
)

// staleRead makes a get of a copy of the history see what was there before, and tells whether it found one to make it of: a get
// that was called after a PATCH of everything was acknowledged, which itself was called after another acknowledged PATCH of
// everything. Numbers are used once, so seeing the earlier one is wrong whatever else happened. It is how a run proves that it
// would notice.
func staleRead(history []porcupine.Operation) ([]porcupine.Operation, bool) {
	copied := slices.Clone(history)
	for i, g := range copied {
		in, out := g.Input.(input), g.Output.(output)
		if in.action != get || out.reply != done {
			continue
		}
		for _, later := range copied {
			if !whole(later, in.id) || later.Return >= g.Call {
				continue
			}
			for _, earlier := range copied {
				if whole(earlier, in.id) && earlier.Return < later.Call {
					copied[i].Output = output{values: earlier.Input.(input).values}
					return copied, true
				}
			}
		}
	}
	return copied, false
}

// whole tells whether an operation is an acknowledged write of every part of a connector.
func whole(o porcupine.Operation, id string) bool {
	in := o.Input.(input)
	v := in.values
	return in.id == id && (in.action == patch || in.action == create) && o.Output.(output).reply == done && v.name != 0 && v.url != 0 && v.username != 0
}
