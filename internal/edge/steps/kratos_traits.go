package steps

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/signup"
)

// traitPath is where a trait stands: a member, or a member of an object within.
type traitPath []string

// field is the path as Kratos names the input of the form.
func (p traitPath) field() string { return traitsPrefix + strings.Join(p, ".") }

const traitsPrefix = "traits."

// The claims that have rules of their own, and the trait that is a name whole or in parts.
const (
	claimEmail       = "email"
	claimDisplayName = "displayName"
	traitName        = "name"
	extensionPrefix  = "extension_"
)

// traitTable says where the documented claims are among the traits of a person: the first path that has a value gives the
// claim. Kratos prescribes no names; these are those of its quickstart, its presets and of Graph.
var traitTable = []struct {
	claim string
	paths []traitPath
}{
	{claimEmail, []traitPath{{"email"}}},
	{"givenName", []traitPath{{"givenName"}, {traitName, "first"}}},
	{"surname", []traitPath{{"surname"}, {traitName, "last"}}},
	{claimDisplayName, []traitPath{{"displayName"}, {traitName}}},
	{"jobTitle", []traitPath{{"jobTitle"}}},
	{"streetAddress", []traitPath{{"streetAddress"}}},
	{"city", []traitPath{{"city"}}},
	{"postalCode", []traitPath{{"postalCode"}}},
	{"state", []traitPath{{"state"}}},
	{"country", []traitPath{{"country"}}},
}

// attributeName is what a trait must be called to be a custom attribute.
var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// person is the traits of a registration, and where its claims came from. What is not changed keeps its octets.
type person struct {
	traits members
	fields []string // the inputs of the form, "traits.…"; none: the schema is unknown
	from   map[string]traitPath
}

// isReserved tells whether a top-level trait is the table's business and so no custom attribute.
func isReserved(trait string) bool {
	if trait == traitName {
		return true
	}
	for _, row := range traitTable {
		if row.claim == trait {
			return true
		}
	}
	return false
}

// claims are the traits as claims, of which p remembers the places.
func (p *person) claims() apiconn.Claims {
	claims := apiconn.Claims{}
	p.from = map[string]traitPath{}
	for _, row := range traitTable {
		for _, path := range row.paths {
			if text, isText := textOf(p.at(path)); isText && text != "" {
				claims[row.claim], p.from[row.claim] = text, path
				break
			}
		}
	}
	for name, raw := range p.traits {
		if isReserved(name) || len(name) > signup.MaxAttributeName || !attributeName.MatchString(name) {
			continue
		}
		if value := scalar(raw); value != nil && value != "" {
			claims[extensionPrefix+name], p.from[extensionPrefix+name] = value, traitPath{name}
		}
	}
	return claims
}

// at is what stands at a path; nil if nothing does.
func (p *person) at(path traitPath) json.RawMessage {
	raw := p.traits[path[0]]
	if len(path) == 1 {
		return raw
	}
	return within(raw)[path[1]]
}

// within is the members of an object; none for any other value.
func within(raw json.RawMessage) members {
	var inner members
	if !isObject(raw) || json.Unmarshal(raw, &inner) != nil {
		return nil
	}
	return inner
}

func isObject(raw json.RawMessage) bool { return bytes.HasPrefix(raw, []byte("{")) }

func textOf(raw json.RawMessage) (string, bool) {
	var text string
	if !bytes.HasPrefix(raw, []byte(`"`)) || json.Unmarshal(raw, &text) != nil {
		return "", false
	}
	return text, true
}

// scalar is a value that a custom attribute can have: a string, a bool or a whole number; nil for any other.
func scalar(raw json.RawMessage) any {
	if text, isText := textOf(raw); isText {
		return text
	}
	switch string(raw) {
	case "true":
		return true
	case "false":
		return false
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n
	}
	return nil
}

// notTraits are the claims that are nothing of the person's, or that no connector changes.
var notTraits = []string{claimEmail, "identities", "objectId", "step", "client_id", "ui_locales"}

// apply lays over the traits what a connector changed of the claims that were sent. It tells whether a trait changed, and
// which claims have no place.
func (p *person) apply(sent, decided apiconn.Claims) (changed bool, ignored []string) {
	for _, claim := range slices.Sorted(maps.Keys(decided)) {
		value := decided[claim]
		if slices.Contains(notTraits, claim) || sent[claim] == value {
			continue
		}
		path := p.place(claim)
		if path == nil || len(p.fields) > 0 && !slices.Contains(p.fields, path.field()) || !p.put(path, value) {
			ignored = append(ignored, claim)
			continue
		}
		changed = true
	}
	return changed, ignored
}

// place is where a claim belongs; nil if nowhere.
func (p *person) place(claim string) traitPath {
	if path, read := p.from[claim]; read {
		return path
	}
	if name, custom := strings.CutPrefix(claim, extensionPrefix); custom {
		name = withoutApp(name)
		if isReserved(name) {
			return nil
		}
		return traitPath{name}
	}
	for _, row := range traitTable {
		if row.claim == claim {
			return p.choose(row.paths)
		}
	}
	return nil
}

// choose is the best of the paths of a claim of which none has a value: one that the form has, one that is there without a
// value, one inside of a name that is there, or else the first.
func (p *person) choose(paths []traitPath) traitPath {
	for _, path := range paths {
		_, there := p.traits[path[0]]
		if len(path) == 2 {
			_, there = within(p.traits[path[0]])[path[1]]
		}
		if path[0] == traitName && len(path) == 1 { // the name whole, where it is not in parts
			_, isText := textOf(p.traits[traitName])
			_, present := p.traits[traitName]
			if !isText && (present || len(p.fields) == 0) {
				continue
			}
		}
		if slices.Contains(p.fields, path.field()) || len(p.fields) == 0 && there {
			return path
		}
	}
	if len(p.fields) > 0 {
		return nil
	}
	for _, path := range paths {
		if len(path) == 2 && isObject(p.traits[path[0]]) {
			return path
		}
	}
	return paths[0]
}

// withoutApp is the name of a custom attribute without the id of the extensions app, 32 hex digits.
func withoutApp(name string) string {
	const digits = 32
	if len(name) > digits+1 && name[digits] == '_' && strings.Trim(name[:digits], "0123456789abcdefABCDEF") == "" {
		return name[digits+1:]
	}
	return name
}

// put writes a claim at a path, unless an array or an object is there, or something that is no object on the way.
func (p *person) put(path traitPath, value any) bool {
	there := p.at(path)
	if isObject(there) || bytes.HasPrefix(there, []byte("[")) {
		return false
	}
	raw, err := encode(value)
	if err != nil {
		return false
	}
	if len(path) == 1 {
		p.traits[path[0]] = raw
		return true
	}
	parent := p.traits[path[0]]
	inner := within(parent)
	if inner == nil {
		if parent != nil && !isNull(parent) && !isObject(parent) {
			return false
		}
		inner = members{}
	}
	inner[path[1]] = raw
	if p.traits[path[0]], err = encode(inner); err != nil {
		return false
	}
	return true
}
