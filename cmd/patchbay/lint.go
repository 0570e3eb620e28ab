package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
)

func (c *cli) lint() *cobra.Command {
	var o app.LintOptions
	var login loginFlags
	out := lintOutput{format: "table"}
	cmd := &cobra.Command{Use: "lint URL", Short: "Drive a connector's endpoint through the whole contract", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) (err error) {
		o.URL = args[0]
		if o.Basic, err = login.read(); err != nil {
			return err
		}
		l, err := app.PrepareLint(cmd.Context(), o, slog.New(slog.NewTextHandler(c.stderr, nil)))
		if err != nil {
			return err
		}
		c.started = true
		report, finish := out.begin(c.stdout, l.URL())
		sum, err := l.Run(cmd.Context(), report)
		if err != nil {
			return fmt.Errorf("lint was interrupted: %w", err)
		}
		if err := finish(sum); err != nil {
			return err
		}
		if !sum.OK() {
			return errSilent
		}
		return nil
	}}
	cmd.Long = `Call an endpoint as steps of sign-ups would, and in ways that no step does, and say what Patchbay would decide and why.
Nothing is stored; the endpoint sees made-up people at example.org. The exit code is 0 if nothing is wrong, 1 if
something is, 2 for a wrong command line.
The address guard stands before every connection: an endpoint on this machine needs --allow 127.0.0.0/8 --allow ::1.`
	f := cmd.Flags()
	f.StringVar(&o.PKCS12File, "pkcs12", "", "client certificate with its key, a PKCS#12 file as it would be uploaded")
	f.StringVar(&o.PKCS12PasswordFile, "pkcs12-password-file", "", "file that holds the password of the PKCS#12 file, readable for nobody else")
	f.StringVar(&o.CertFile, "cert", "", "client certificate with its chain, PEM")
	f.StringVar(&o.KeyFile, "key", "", "its private key, PEM, readable for nobody else")
	f.StringVar(&o.CAFile, "ca", "", "certificate authorities to trust instead of the system's, PEM")
	f.StringSliceVar(&o.Flows, "flow", []string{"b2x"}, "kind of user flow: b2x (workforce), b2c; may be repeated")
	f.StringSliceVar(&o.Steps, "step", nil, "step of the flow; may be repeated (default: all)")
	f.DurationVar(&o.Budget, "budget", 20*time.Second, "time that a step has")
	f.StringVar(&o.ExtensionsApp, "extensions-app", "", "app id that custom attributes are sent under (default: one that is made up)")
	f.StringArrayVar(&o.Allow, "allow", nil, "network, and port if you like, that the address guard lets through, such as 10.0.0.0/8:8443; may be repeated")
	f.StringVar(&o.Guard, "guard", "enforce", "address guard: enforce, report, off")
	f.BoolVar(&o.AllowHTTP, "allow-http", false, "examine an endpoint without TLS")
	f.VarP(&out, "output", "o", "form of the output: table, json")
	login.flags(cmd)
	return cmd
}

// lintOutput is the form in which checks are written.
type lintOutput struct{ format string }

// String returns the form.
func (o *lintOutput) String() string { return o.format }

// Set accepts table and json, and text, as other commands call the table.
func (o *lintOutput) Set(v string) error {
	switch v {
	case "text", "table":
		o.format = "table"
	case "json":
		o.format = v
	default:
		return fmt.Errorf("must be table or json")
	}
	return nil
}

// Type names the flag's value in the help.
func (o *lintOutput) Type() string { return "format" }

// lintRow is a check as JSON.
type lintRow struct {
	Group   string  `json:"group"`
	Check   string  `json:"check"`
	Flow    string  `json:"flow,omitempty"`
	Step    string  `json:"step,omitempty"`
	Verdict string  `json:"verdict"`
	Action  string  `json:"action,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	Detail  string  `json:"detail,omitempty"`
	Advice  string  `json:"advice,omitempty"`
	Millis  float64 `json:"took_ms"`
}

// lintReport is what `lint -o json` prints.
type lintReport struct {
	URL      string    `json:"url"`
	OK       bool      `json:"ok"`
	Stopped  bool      `json:"stopped"` // the endpoint could not be reached
	Accepted int       `json:"accepted"`
	Refused  int       `json:"refused"`
	Warnings int       `json:"warnings"`
	Wrong    int       `json:"wrong"`
	Millis   float64   `json:"took_ms"`
	Checks   []lintRow `json:"checks"`
}

// begin returns what writes a check and what writes the end. A table grows with each check; JSON comes at the end.
func (o *lintOutput) begin(w io.Writer, url string) (report func(app.LintCheck), finish func(app.LintSummary) error) {
	if o.format == "json" {
		r := lintReport{URL: url, Checks: []lintRow{}}
		report = func(c app.LintCheck) { r.Checks = append(r.Checks, lintRowOf(c)) }
		return report, func(s app.LintSummary) error {
			r.OK, r.Stopped, r.Millis = s.OK(), s.Stopped, millis(s.Took)
			r.Accepted, r.Refused, r.Warnings, r.Wrong = s.Accepted, s.Refused, s.Warnings, s.Wrong
			e := json.NewEncoder(w)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			return e.Encode(r)
		}
	}
	fmt.Fprintln(w, url)
	group, advised := "", map[string]bool{}
	report = func(c app.LintCheck) {
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(w, "\n%s\n", group)
		}
		printCheck(w, c)
		if c.Advice != "" && !advised[c.Advice] { // once: a fault of every answer has one cure
			fmt.Fprintf(w, "            → %s\n", c.Advice)
			advised[c.Advice] = true
		}
	}
	return report, func(s app.LintSummary) error {
		end := "everything is in order"
		switch {
		case s.Stopped:
			end = "the endpoint could not be called, so nothing else was tried"
		case s.Wrong > 0:
			end = "sign-ups would fail, or strangers are let in"
		case s.Warnings > 0:
			end = "it works; look at the warnings"
		}
		_, err := fmt.Fprintf(w, "\n%d accepted, %d refused as they should be, %d warnings, %d wrong in %s: %s\n",
			s.Accepted, s.Refused, s.Warnings, s.Wrong, s.Took.Round(time.Millisecond), end)
		return err
	}
}

// printCheck writes the line of a check.
func printCheck(w io.Writer, c app.LintCheck) {
	name := c.Name
	if c.Step != "" {
		name += " · " + string(c.Kind) + " " + c.Step
	}
	line := fmt.Sprintf("  %-8s  %-62s", c.Verdict, name)
	if c.Action != "" {
		line += "  " + string(c.Action)
	}
	if c.Reason != "" {
		line += " (" + string(c.Reason) + ")"
	}
	if c.Detail != "" {
		line += "  " + c.Detail
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

func lintRowOf(c app.LintCheck) lintRow {
	return lintRow{
		Group: c.Group, Check: c.Name, Flow: string(c.Kind), Step: c.Step, Verdict: string(c.Verdict), Action: string(c.Action),
		Reason: string(c.Reason), Detail: c.Detail, Advice: c.Advice, Millis: millis(c.Took),
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
