package transfer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlNode reads YAML with errors that name the line and never show a value.
type yamlNode struct {
	*yaml.Node
	what string // in errors: "the connector's name"
}

// yamlDocument reads the only document of a file, which must be a mapping.
func yamlDocument(content []byte) (yamlNode, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(content, &root); err != nil {
		return yamlNode{}, yamlError(err)
	}
	if len(root.Content) == 0 {
		return yamlNode{}, errors.New("the file is empty")
	}
	return yamlNode{root.Content[0], "the file"}, nil
}

// yamlError keeps where YAML is wrong and drops what stands there.
func yamlError(err error) error {
	for _, word := range strings.Fields(err.Error()) {
		if n, bad := strconv.Atoi(strings.TrimSuffix(word, ":")); bad == nil {
			return fmt.Errorf("line %d: this is not YAML", n)
		}
	}
	return errors.New("this is not YAML")
}

func (n yamlNode) fault(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", n.Line, fmt.Sprintf(format, args...))
}

// real follows an alias.
func (n yamlNode) real() yamlNode {
	if n.Kind == yaml.AliasNode {
		return yamlNode{n.Alias, n.what}
	}
	return n
}

// members reads a mapping whose keys are known.
func (n yamlNode) members(known ...string) (map[string]yamlNode, error) {
	n = n.real()
	if n.Kind != yaml.MappingNode {
		return nil, n.fault("%s must be a mapping with %s", n.what, strings.Join(known, ", "))
	}
	found := map[string]yamlNode{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if !slices.Contains(known, key) {
			return nil, yamlNode{n.Content[i], ""}.fault("%s has no member %q; it may have %s", n.what, key, strings.Join(known, ", "))
		}
		if _, twice := found[key]; twice {
			return nil, yamlNode{n.Content[i], ""}.fault("the member %q comes twice", key)
		}
		found[key] = yamlNode{n.Content[i+1], key}.real()
	}
	return found, nil
}

// list reads a sequence.
func (n yamlNode) list(of string) ([]yamlNode, error) {
	n = n.real()
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, n.fault("%s must be a list", n.what)
	}
	all := make([]yamlNode, len(n.Content))
	for i, one := range n.Content {
		all[i] = yamlNode{one, of}.real()
	}
	return all, nil
}

// text reads a string; a number stands for how it is written.
func (n yamlNode) text() (string, error) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return "", n.fault("%s must be a string", n.what)
	}
	return n.Value, nil
}

// texts reads string members where they are there.
func texts(found map[string]yamlNode, into map[string]*string) error {
	for _, name := range slices.Sorted(maps.Keys(into)) {
		node, there := found[name]
		if !there {
			continue
		}
		value, err := node.text()
		if err != nil {
			return err
		}
		*into[name] = value
	}
	return nil
}
