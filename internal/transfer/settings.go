package transfer

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CallSettings is what was set of how a connector is called, under the names of /runtime/v1/connectors/{id}/callSettings. What
// is nil has its default.
type CallSettings struct {
	Profile                    *string  `json:"profile"`
	BudgetMilliseconds         *float64 `json:"budgetMilliseconds"`
	Attempts                   *float64 `json:"attempts"`
	AttemptTimeoutMilliseconds *float64 `json:"attemptTimeoutMilliseconds"`
	TrustedRoots               *string  `json:"trustedRoots"` // PEM
	PinnedKeys                 []string `json:"pinnedKeys"`   // base64 of SHA-256
	AllowLateClientCertificate *bool    `json:"allowLateClientCertificate"`
	MaxConcurrent              *float64 `json:"maxConcurrent"`
}

// setting is one member of CallSettings.
type setting struct {
	name  string
	text  func(*CallSettings) string // for comparing and for people; "" is the default
	value func(*CallSettings) any    // for JSON and YAML; nil is the default
	read  func(*CallSettings, json.RawMessage) error
}

func settingOf[T any](name string, at func(*CallSettings) **T, text func(T) string) setting {
	return setting{
		name: name,
		text: func(s *CallSettings) string {
			if p := *at(s); p != nil {
				return text(*p)
			}
			return ""
		},
		value: func(s *CallSettings) any {
			if p := *at(s); p != nil {
				return *p
			}
			return nil
		},
		read: func(s *CallSettings, raw json.RawMessage) error { return json.Unmarshal(raw, at(s)) },
	}
}

func numberText(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// settings is every member, in the order in which they are written.
var settings = []setting{
	settingOf("profile", func(s *CallSettings) **string { return &s.Profile }, func(v string) string { return v }),
	settingOf("budgetMilliseconds", func(s *CallSettings) **float64 { return &s.BudgetMilliseconds }, numberText),
	settingOf("attempts", func(s *CallSettings) **float64 { return &s.Attempts }, numberText),
	settingOf("attemptTimeoutMilliseconds", func(s *CallSettings) **float64 { return &s.AttemptTimeoutMilliseconds }, numberText),
	settingOf("trustedRoots", func(s *CallSettings) **string { return &s.TrustedRoots }, rootsText),
	{
		name: "pinnedKeys",
		text: func(s *CallSettings) string { return pinsText(s.PinnedKeys) },
		value: func(s *CallSettings) any {
			if len(s.PinnedKeys) == 0 {
				return nil
			}
			return s.PinnedKeys
		},
		read: func(s *CallSettings, raw json.RawMessage) error { return json.Unmarshal(raw, &s.PinnedKeys) },
	},
	settingOf("allowLateClientCertificate", func(s *CallSettings) **bool { return &s.AllowLateClientCertificate }, lateText),
	settingOf("maxConcurrent", func(s *CallSettings) **float64 { return &s.MaxConcurrent }, numberText),
}

// lateText: false is the default.
func lateText(v bool) string {
	if v {
		return "true"
	}
	return ""
}

// rootsText tells certificates in PEM apart by their content: line ends and remarks do not count.
func rootsText(text string) string {
	var all []string
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		all = append(all, string(block.Bytes))
	}
	if len(all) == 0 {
		return strings.TrimSpace(text)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func pinsText(pins []string) string {
	plain := make([]string, len(pins))
	for i, pin := range pins {
		plain[i] = strings.TrimPrefix(pin, "sha256/")
	}
	slices.Sort(plain)
	return strings.Join(plain, " ")
}

// shown is a member for people, in one short line.
func (s setting) shown(of *CallSettings) string {
	if of == nil || s.text(of) == "" {
		return "(default)"
	}
	if s.name == "trustedRoots" {
		return fmt.Sprintf("(%d certificates)", max(1, strings.Count(*of.TrustedRoots, "-----BEGIN ")))
	}
	return s.text(of)
}

// ReadCallSettings reads an answer of /runtime/v1/connectors/{id}/callSettings: of what counts, only what was set.
func ReadCallSettings(answer []byte) (*CallSettings, error) {
	var members map[string]json.RawMessage
	var overrides []string
	err := json.Unmarshal(answer, &members)
	if err == nil {
		err = json.Unmarshal(members["overrides"], &overrides)
	}
	if err != nil {
		return nil, fmt.Errorf("the answer is no call settings: %w", err)
	}
	s := &CallSettings{}
	for _, member := range settings {
		if !slices.Contains(overrides, member.name) {
			continue
		}
		if err := member.read(s, members[member.name]); err != nil {
			return nil, fmt.Errorf("the call settings' %s: %w", member.name, err)
		}
	}
	return s, nil
}

// Patch is the body that makes the settings out of others; "" if they are the same.
func (s *CallSettings) Patch(now *CallSettings) []byte {
	if now == nil {
		now = &CallSettings{}
	}
	var out bytes.Buffer
	for _, member := range settings {
		if member.text(s) == member.text(now) {
			continue
		}
		value, err := json.Marshal(member.value(s))
		if err != nil { // no value of these types fails
			continue
		}
		fmt.Fprintf(&out, ",%q:%s", member.name, value)
	}
	if out.Len() == 0 {
		return nil
	}
	return append(append([]byte{'{'}, out.Bytes()[1:]...), '}')
}
