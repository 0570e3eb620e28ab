package main

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// action is what an operation does to a connector.
type action int

const (
	create action = iota
	get
	patch
	remove
)

func (a action) String() string { return [...]string{"create", "get", "patch", "delete"}[a] }

// values are the parts of a connector that can be seen, by the number of the write that they are of. In a PATCH 0 leaves a part
// as it is.
type values struct{ name, url, username int64 }

// input is an operation: of which connector, and with a create or patch, what it writes.
type input struct {
	action action
	id     string
	values values
}

// reply is how an operation went.
type reply int

const (
	done    reply = iota
	absent        // 404
	unknown       // it may have been carried out, at any time from its call on
)

// output is what an operation was answered; a get has the values it saw.
type output struct {
	reply  reply
	values values
}

// state is a connector: a register that begins to exist once and ends once.
type state struct {
	life   life
	values values
}

type life int

const (
	unborn life = iota
	alive
	dead
)

// over lays a change over values.
func (v values) over(change values) values {
	if change.name != 0 {
		v.name = change.name
	}
	if change.url != 0 {
		v.url = change.url
	}
	if change.username != 0 {
		v.username = change.username
	}
	return v
}

// step is the register's rules. An operation of unknown outcome takes effect if it can. That says nothing too much: its interval
// is open to the end of the history, where it can take effect unseen.
func step(s state, in input, out output) (bool, state) {
	if out.reply == absent {
		return in.action != create && s.life != alive, s
	}
	if in.action == create {
		return s.life == unborn, state{alive, in.values}
	}
	if s.life != alive {
		return out.reply == unknown, s
	}
	switch in.action {
	case patch:
		s.values = s.values.over(in.values)
	case remove:
		s.life = dead
	case get:
		return s.values == out.values, s
	}
	return true, s
}

// register is the model of one connector; a history is linearizable if each connector's part of it is.
var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		var ids []string
		parts := map[string][]porcupine.Operation{}
		for _, o := range history {
			id := o.Input.(input).id
			if parts[id] == nil {
				ids = append(ids, id)
			}
			parts[id] = append(parts[id], o)
		}
		all := make([][]porcupine.Operation, 0, len(ids))
		for _, id := range ids {
			all = append(all, parts[id])
		}
		return all
	},
	Init: func() any { return state{} },
	Step: func(s, in, out any) (bool, any) {
		ok, next := step(s.(state), in.(input), out.(output))
		return ok, next
	},
	DescribeOperation: func(in, out any) string {
		i, o := in.(input), out.(output)
		reply := [...]string{"", "absent", "unknown"}[o.reply]
		if i.action == get && o.reply == done {
			reply = fmt.Sprint(o.values)
		}
		if i.action == get || i.action == remove {
			return fmt.Sprintf("%s → %s", i.action, reply)
		}
		return fmt.Sprintf("%s %v → %s", i.action, i.values, reply)
	},
	DescribeState: func(s any) string {
		switch now := s.(state); now.life {
		case unborn:
			return "not made yet"
		case dead:
			return "deleted"
		default:
			return fmt.Sprint(now.values)
		}
	},
}
