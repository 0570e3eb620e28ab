package transfer

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// none is what an unlinked step calls, for people.
const none = "(none)"

// flow plans one wanted user flow.
func (c *comparison) flow(i int, f Flow) error {
	s := Step{Action: Create, IsFlow: true, Name: f.ID, Index: i, Targets: map[string]Target{}}
	now := Flow{Links: map[string]Link{}}
	if j := slices.IndexFunc(c.have.Flows, func(h Flow) bool { return h.ID == f.ID }); j >= 0 {
		now = c.have.Flows[j]
		s.Action, s.ID = Change, f.ID
		if f.Type != "" && now.Type != "" && f.Type != now.Type {
			return fmt.Errorf("the user flow %q is of the type %q, and a flow's type cannot be changed to %q: delete it first", f.ID, now.Type, f.Type)
		}
	} else {
		s.add(memberType, "", f.TypeOrDefault())
	}
	if f.Links == nil {
		c.add(s)
		return nil
	}
	for _, step := range Steps() {
		before, linked := now.Links[step]
		wanted, want := f.Links[step]
		if !want {
			if linked {
				s.Targets[step] = Target{Index: -1}
				s.Effects = append(s.Effects, Effect{step, c.have.nameOf(before), none})
			}
			continue
		}
		target, name, err := c.target(f.ID, step, wanted)
		if err != nil {
			return err
		}
		if linked && target.ID != "" && target.ID == before.ID {
			continue
		}
		if step == stepToken && s.Action == Change && !f.B2C() {
			return fmt.Errorf("the step %s of %q can be linked only when the flow is made: delete the flow first", step, f.ID)
		}
		s.Targets[step] = target
		after, called := name, none
		if linked {
			called = c.have.nameOf(before)
		}
		s.Effects = append(s.Effects, Effect{step, called, after})
	}
	c.add(s)
	return nil
}

// target finds the connector that a link means: among those of the document first, then among those that are there.
func (c *comparison) target(flow, step string, l Link) (Target, string, error) {
	if i := c.want.linked(l); i >= 0 {
		t := Target{Index: i}
		if j := c.match[i]; j >= 0 {
			t.ID = c.have.Connectors[j].ID
		}
		return t, c.want.Connectors[i].Name, nil
	}
	if i := c.have.linked(l); i >= 0 {
		h := c.have.Connectors[i]
		if h.ID != l.ID && c.ambiguous(h.Name) {
			return Target{}, "", fmt.Errorf("the step %s of %q calls %q, and several connectors are called so; say by id which is meant", step, flow, h.Name)
		}
		if c.options.Prune && c.want.HasConnectors && !c.taken[i] {
			return Target{}, "", fmt.Errorf("the step %s of %q calls the connector %q, which is to be deleted, because the file does not have it", step, flow, h.Name)
		}
		return Target{ID: h.ID, Index: -1}, h.Name, nil
	}
	name := l.Name
	if name == "" {
		name = l.ID
	}
	return Target{}, "", fmt.Errorf("the step %s of %q calls the connector %q, which is neither in the file nor there", step, flow, name)
}

func (c *comparison) ambiguous(name string) bool {
	n := 0
	for _, h := range c.have.Connectors {
		if h.Name == name {
			n++
		}
	}
	return n > 1
}

// prune plans to delete what is not wanted: user flows first, because they call connectors. Of what the document does not speak
// of, nothing is deleted.
func (c *comparison) prune() error {
	kept := map[string]bool{}
	for _, f := range c.want.Flows {
		kept[f.ID] = true
	}
	uses := map[string]string{} // connector → a flow that stays and goes on calling it
	for _, h := range c.have.Flows {
		if c.want.HasFlows && !kept[h.ID] {
			c.add(Step{Action: Delete, IsFlow: true, Name: h.ID, ID: h.ID, Index: -1})
			continue
		}
		i := slices.IndexFunc(c.want.Flows, func(f Flow) bool { return f.ID == h.ID })
		if i >= 0 && c.want.Flows[i].Links != nil {
			continue // its links are planned
		}
		for _, link := range h.Links {
			uses[link.ID] = h.ID
		}
	}
	if !c.want.HasConnectors {
		return nil
	}
	for j, h := range c.have.Connectors {
		if c.taken[j] {
			continue
		}
		if by, used := uses[h.ID]; used {
			return fmt.Errorf("the connector %q is to be deleted, because the file does not have it, but the user flow %q calls it; say in the file what the flow calls", h.Name, by)
		}
		c.add(Step{Action: Delete, Name: h.Name, ID: h.ID, Index: -1})
	}
	return nil
}

// ShownURL is a URL for people: values in its query may be keys, and are not shown.
func ShownURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		text, _, _ = strings.Cut(text, "?")
		return text
	}
	if u.User != nil {
		u.User = url.User("…")
	}
	if u.RawQuery != "" {
		parts := strings.Split(u.RawQuery, "&")
		for i, part := range parts {
			if name, _, valued := strings.Cut(part, "="); valued {
				parts[i] = name + "=…"
			} else {
				parts[i] = "…"
			}
		}
		u.RawQuery = strings.Join(parts, "&")
	}
	shown := u.String()
	if u.User != nil {
		shown = strings.Replace(shown, u.User.String(), "…", 1)
	}
	return shown
}
