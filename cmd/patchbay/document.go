package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/jmespath-community/go-jmespath"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// choice is a flag that takes one of a few words, in any case.
type choice struct {
	value   string
	allowed []string
}

// String returns the chosen word.
func (c *choice) String() string { return c.value }

// Set accepts the allowed words.
func (c *choice) Set(v string) error {
	if v = strings.ToLower(v); !slices.Contains(c.allowed, v) {
		return fmt.Errorf("must be one of %s", strings.Join(c.allowed, ", "))
	}
	c.value = v
	return nil
}

// Type names the flag's value in the help.
func (c *choice) Type() string { return "format" }

// flag declares the choice as --output; the first of allowed is the default.
func (c *choice) flag(cmd *cobra.Command, allowed ...string) {
	c.value, c.allowed = allowed[0], allowed
	cmd.Flags().VarP(c, "output", "o", "form of the output: "+strings.Join(allowed, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp)) // fails for unknown flags only
}

// writeDocument writes a JSON document in one of the forms json, compact, yaml, table, text and none. Members keep their order.
func writeDocument(w io.Writer, form string, document []byte) error {
	var out bytes.Buffer
	switch form {
	case "none":
		return nil
	case "json":
		if json.Indent(&out, document, "", "  ") != nil { // a count is no JSON to some, and text to all
			out.Reset()
			out.Write(document)
		}
	case "compact":
		if json.Compact(&out, document) != nil {
			out.Write(document)
		}
	case "text":
		out.Write(document)
	case "yaml":
		node, err := readOrdered(document)
		if err != nil {
			return err
		}
		e := yaml.NewEncoder(&out)
		e.SetIndent(2)
		if err := e.Encode(node); err != nil {
			return fmt.Errorf("write YAML: %w", err)
		}
	case "table":
		node, err := readOrdered(document)
		if err != nil {
			return err
		}
		if err := writeTable(&out, node); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s\n", bytes.TrimRight(out.Bytes(), "\n"))
	return err
}

// search is the part of a document that a JMESPath expression takes.
func search(document []byte, expression string) ([]byte, error) {
	if expression == "" {
		return document, nil
	}
	var data any
	if err := json.Unmarshal(document, &data); err != nil {
		return nil, fmt.Errorf("the answer is not JSON, so --query has nothing to search: %w", err)
	}
	found, err := jmespath.Search(expression, data)
	if err != nil {
		return nil, fmt.Errorf("--query: %w", err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(found); err != nil {
		return nil, fmt.Errorf("--query: %w", err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// readOrdered reads JSON into a YAML document, which keeps the order of members.
func readOrdered(document []byte) (*yaml.Node, error) {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	node, err := readNode(d)
	if err != nil {
		return nil, fmt.Errorf("the answer is not JSON: %w", err)
	}
	return node, nil
}

func readNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		if t == '{' {
			node.Kind, node.Tag = yaml.MappingNode, "!!map"
		}
		for d.More() { // a name is a node like its value
			child, err := readNode(d)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		_, err := d.Token()
		return node, err
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(t.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: t.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(t)}, nil
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: t}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

// writeTable writes a listing, or one object, as mgc chooses its columns: those members of the first object that hold neither
// objects nor arrays.
func writeTable(w io.Writer, root *yaml.Node) error {
	if value := member(root, "value"); value != nil {
		root = value
	}
	rows := []*yaml.Node{root}
	if root.Kind == yaml.SequenceNode {
		rows = root.Content
	}
	columns := []string{"Value"}
	if len(rows) > 0 && rows[0].Kind == yaml.MappingNode {
		columns = nil
		for i := 0; i < len(rows[0].Content); i += 2 {
			if rows[0].Content[i+1].Kind == yaml.ScalarNode {
				columns = append(columns, rows[0].Content[i].Value)
			}
		}
	}
	t := &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(columns...)
	for _, row := range rows {
		cells := make([]string, len(columns))
		for i, name := range columns {
			cell := row
			if row.Kind == yaml.MappingNode {
				cell = member(row, name)
			}
			cells[i] = "-"
			if cell != nil && cell.Kind == yaml.ScalarNode && cell.Tag != "!!null" {
				cells[i] = oneLine(cell.Value)
			}
		}
		t.row(cells...)
	}
	return t.w.Flush()
}

// member is the value of a member of an object, nil if there is none.
func member(object *yaml.Node, name string) *yaml.Node {
	if object.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(object.Content); i += 2 {
		if object.Content[i].Value == name {
			return object.Content[i+1]
		}
	}
	return nil
}

// oneLine keeps a value that somebody chose from breaking a table or driving a terminal.
func oneLine(value string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, value)
}
