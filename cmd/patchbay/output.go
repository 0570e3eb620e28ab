package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// output is the --output flag of commands that print data.
type output struct{ format string }

func (o *output) flag(cmd *cobra.Command) {
	o.format = "text"
	cmd.Flags().VarP(o, "output", "o", "form of the output: text, json")
}

// String returns the form.
func (o *output) String() string { return o.format }

// Set accepts text and json.
func (o *output) Set(v string) error {
	if v != "text" && v != "json" {
		return fmt.Errorf("must be text or json")
	}
	o.format = v
	return nil
}

// Type names the flag's value in the help.
func (o *output) Type() string { return "format" }

// print writes data as JSON, or what text writes in columns.
func (o *output) print(w io.Writer, data any, text func(*table)) error {
	if o.format == "json" {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(data)
	}
	t := &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	text(t)
	return t.w.Flush()
}

// table writes rows in columns.
type table struct{ w *tabwriter.Writer }

func (t *table) row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")) }
