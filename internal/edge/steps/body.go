package steps

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
)

// encode writes a document as JSON. '&', '<' and '>' stay as they are, so that URLs are readable.
func encode(document any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("encode an answer: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// ordered is a JSON object of texts whose members keep their order.
type ordered [][2]string

// MarshalJSON writes the members in their order.
func (o ordered) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, member := range o {
		if i > 0 {
			out = append(out, ',')
		}
		for j, text := range member {
			quoted, err := encode(text)
			if err != nil {
				return nil, err
			}
			if j > 0 {
				out = append(out, ':')
			}
			out = append(out, quoted...)
		}
	}
	return append(out, '}'), nil
}

// members are those of a JSON object as they came in: null and absent are told apart.
type members map[string]json.RawMessage

// object reads the body of a write, a JSON object that has no other members than those known.
func (c *call) object(known ...string) (members, error) {
	if err := edge.CheckJSON(c.header); err != nil {
		return nil, err
	}
	body, err := c.body()
	if err != nil {
		return nil, err
	}
	m, names, err := parseObject(body, "The request body")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, &apiconn.Error{
				Kind: apiconn.Invalid, Reason: apiconn.ReasonUnknownProperty, Field: clip(name),
				Message: "The member '" + clip(name) + "' of the request body is not known. There are: " + strings.Join(known, ", ") + ".",
			}
		}
	}
	return m, nil
}

// parseObject reads a JSON object: UTF-8, nothing behind it, no member twice. what names it in errors. names are in the
// order in which they came.
func parseObject(text []byte, what string) (m members, names []string, err error) {
	notObject := apiconn.Errorf(apiconn.Invalid, "%s is not a JSON object. Send one.", what)
	if !utf8.Valid(text) {
		return nil, nil, apiconn.Errorf(apiconn.Invalid, "%s is not valid UTF-8. Send JSON in UTF-8.", what)
	}
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\uFEFF"))))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return nil, nil, notObject
	}
	m = members{}
	for decoder.More() {
		token, err := decoder.Token()
		name, isName := token.(string)
		var raw json.RawMessage
		if err != nil || !isName || decoder.Decode(&raw) != nil {
			return nil, nil, notObject
		}
		if _, twice := m[name]; twice {
			return nil, nil, apiconn.Invalidf(clip(name), "%s has the member '%s' twice. Send it once.", what, clip(name))
		}
		m[name], names = raw, append(names, name)
	}
	if _, err := decoder.Token(); err != nil { // the closing brace
		return nil, nil, notObject
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, notObject
	}
	return m, names, nil
}

// given tells whether a member is there and not null.
func (m members) given(name string) bool {
	raw, there := m[name]
	return there && !isNull(raw)
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// text returns a string; "" for one that is absent or null.
func (m members) text(name string) (string, error) {
	var text string
	if !m.given(name) {
		return "", nil
	}
	if m[name][0] != '"' || json.Unmarshal(m[name], &text) != nil {
		return "", wrongType(name, "a string")
	}
	return text, nil
}

func wrongType(name, wanted string) error {
	return &apiconn.Error{
		Kind: apiconn.Invalid, Reason: apiconn.ReasonWrongType, Field: name,
		Message: "The member '" + name + "' must be " + wanted + ".",
	}
}

// clip keeps a name that a client made up from filling an answer.
func clip(name string) string {
	if runes := []rune(name); len(runes) > 64 {
		return string(runes[:64]) + "…"
	}
	return name
}

// parameters reads the query, in which only the known parameters may stand, each once; an empty one counts as absent. A
// filter that is misspelt would otherwise list everything.
func (c *call) parameters(known ...string) (url.Values, error) {
	values, err := url.ParseQuery(c.query)
	if err != nil {
		return nil, apiconn.Errorf(apiconn.Invalid, "The query of the URL cannot be read. Percent-encode its values.")
	}
	for name, all := range values {
		if !slices.Contains(known, name) {
			there := "This path has none"
			if len(known) > 0 {
				there = "There are: " + strings.Join(known, ", ")
			}
			return nil, apiconn.Invalidf(clip(name), "The query parameter '%s' is not known. %s.", clip(name), there)
		}
		if len(all) > 1 {
			return nil, apiconn.Invalidf(name, "The query parameter '%s' is there more than once. Send it once.", name)
		}
	}
	return values, nil
}

// flag reads a query parameter that is true or false.
func flag(values url.Values, name string) (bool, error) {
	text := values.Get(name)
	if text == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, apiconn.Invalidf(name, "The query parameter '%s' is true or false.", name)
	}
	return on, nil
}

// count reads a query parameter that is a whole number from least to most.
func count(values url.Values, name string, least, most, absent int) (int, error) {
	text := values.Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, apiconn.Invalidf(name, "The query parameter '%s' is a whole number from %d to %d.", name, least, most)
	}
	return n, nil
}
