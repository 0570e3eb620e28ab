package credential

import (
	"context"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// memberSet describes an authentication type that is a set of text members, all required: how it is read, merged and
// shown follows from the table alone.
type memberSet struct {
	typeName string
	members  []member
}

// member is one text member of an authentication type.
type member struct {
	name    string
	secret  bool                      // sealed, and shown as Mask
	most    int                       // greatest length in characters (code points)
	refused func(value string) string // what is wrong with value, as a whole public sentence without the value; "" for nothing
}

// read is the kind.read of a memberSet: it checks what was given member by member.
func (s memberSet) read(_ context.Context, _ share, b body, _ time.Time) (Proposal, error) {
	names := make([]string, len(s.members))
	for i, m := range s.members {
		names[i] = m.name
	}
	if err := b.only(s.typeName, names...); err != nil {
		return Proposal{}, err
	}
	given := make(map[string]string, len(s.members))
	for _, m := range s.members {
		value, present, err := b.text(m.name)
		if err != nil {
			return Proposal{}, err
		}
		if !present {
			continue
		}
		if value == "" {
			return Proposal{}, b.required(m.name)
		}
		if err := m.check(value, b.path); err != nil {
			return Proposal{}, err
		}
		given[m.name] = value
	}
	return Proposal{against: func(current *apiconn.Authentication) (Change, error) {
		return s.change(b, given, current)
	}}, nil
}

// change merges given into current, member by member, if current is of the same type; else given replaces it and must
// be complete (contract section 8, row 28). Mask in place of a stored secret keeps that secret.
func (s memberSet) change(b body, given map[string]string, current *apiconn.Authentication) (Change, error) {
	merge := current != nil && current.Type == s.typeName
	change := Change{Type: s.typeName, Replace: current != nil && !merge}
	for _, m := range s.members {
		value, present := given[m.name]
		switch kept := merge && s.holds(*current, m); {
		case !present && kept:
		case !present:
			return Change{}, b.required(m.name)
		case !m.secret:
			change.setOpen(m.name, value)
		case value != Mask:
			change.setSecret(m.name, value)
		case !kept:
			return Change{}, apiconn.Invalidf(b.path+m.name,
				"'%s' is what a reader sees in place of a stored %s, and none is stored that it could stand for. Give the %s itself.", Mask, m.name, m.name)
		}
	}
	return change, nil
}

// holds tells whether current has a value for m.
func (s memberSet) holds(current apiconn.Authentication, m member) bool {
	if m.secret {
		_, stored := current.Sealed[m.name]
		return stored
	}
	return current.Open[m.name] != ""
}

// show is the kind.show of a memberSet.
func (s memberSet) show(a apiconn.Authentication, _ time.Time) Object {
	shown := make(Object, len(s.members))
	for i, m := range s.members {
		shown[i] = Member{Name: m.name, Value: Mask}
		if !m.secret {
			shown[i].Value = a.Open[m.name]
		}
	}
	return shown
}

// check refuses a value that is too long, that no header field could carry, or that the member itself refuses. The
// message never holds the value, which may be a secret.
func (m member) check(value, path string) error {
	if n := utf8.RuneCountInString(value); n > m.most {
		return apiconn.Invalidf(path+m.name, "The %s is %d characters long; at most %d are accepted.", m.name, n, m.most)
	}
	if !utf8.ValidString(value) || slices.ContainsFunc([]rune(value), unicode.IsControl) {
		return apiconn.Invalidf(path+m.name, "The %s holds control characters, such as a tab or a line break. Remove them.", m.name)
	}
	if m.refused != nil {
		if complaint := m.refused(value); complaint != "" {
			return apiconn.Invalidf(path+m.name, "%s", complaint)
		}
	}
	return nil
}

func (c *Change) setOpen(name, value string) {
	if c.Open == nil {
		c.Open = map[string]string{}
	}
	c.Open[name] = value
}

func (c *Change) setSecret(name, value string) {
	if c.Secrets == nil {
		c.Secrets = map[string]Secret{}
	}
	c.Secrets[name] = NewSecret(value)
}
