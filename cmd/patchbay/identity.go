package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchbay/patchbay/internal/app"
)

// The paths of what mgc's commands work on; {connector} and {flow} are flags.
const (
	pathConnectors = "/v1.0/identity/apiConnectors"
	pathConnector  = pathConnectors + "/{connector}"
	pathFlows      = "/v1.0/identity/b2xUserFlows"
	pathFlow       = pathFlows + "/{flow}"
)

// graphCommand is one of mgc's commands. What it has in common with others of its method follows from that.
type graphCommand struct {
	use, short string
	method     string
	path       string
	listing    bool // takes all query options, not only --select and --expand
	plain      bool // prints the answer as it is, and takes neither options nor forms
	silent     bool // the answer has no body: prints Success
}

// identity is the tree of mgc's commands of the same name (docs/cli.md says where they differ).
func (c *cli) identity() *cobra.Command {
	r := &remoteFlags{}
	one := func(g graphCommand) *cobra.Command { return c.graph(r, g) }
	step := func(name, path string) *cobra.Command {
		path = pathFlow + "/apiConnectorConfiguration/" + path
		return noun(name, "The connector of the step",
			one(graphCommand{use: "get", short: "Get the connector of the step", method: http.MethodGet, path: path}),
			one(graphCommand{use: "patch", short: "Update the connector of the step", method: http.MethodPatch, path: path}),
			one(graphCommand{use: "delete", short: "Unlink the connector from the step", method: http.MethodDelete, path: path, silent: true}),
			noun("ref", "The reference to the connector of the step",
				one(graphCommand{use: "get", short: "Get the reference", method: http.MethodGet, path: path + "/$ref", plain: true}),
				one(graphCommand{use: "put", short: "Link the step to the connector of @odata.id", method: http.MethodPut, path: path + "/$ref", silent: true}),
				one(graphCommand{use: "delete", short: "Unlink the connector from the step", method: http.MethodDelete, path: path + "/$ref", silent: true})),
			noun("upload-client-certificate", "Client certificates of the connector of the step",
				one(graphCommand{use: "post", short: "Add a client certificate", method: http.MethodPost, path: path + "/uploadClientCertificate"})))
	}
	cmd := noun("identity", "The Graph CLI's commands (mgc identity …), with the same flags and bodies",
		noun("api-connectors", "API connectors",
			one(graphCommand{use: "list", short: "List API connectors", method: http.MethodGet, path: pathConnectors, listing: true}),
			one(graphCommand{use: "create", short: "Create an API connector", method: http.MethodPost, path: pathConnectors}),
			one(graphCommand{use: "get", short: "Get an API connector", method: http.MethodGet, path: pathConnector}),
			one(graphCommand{use: "patch", short: "Update an API connector", method: http.MethodPatch, path: pathConnector}),
			one(graphCommand{use: "delete", short: "Delete an API connector", method: http.MethodDelete, path: pathConnector, silent: true}),
			noun("count", "How many there are", one(graphCommand{use: "get", short: "Get the number", method: http.MethodGet, path: pathConnectors + "/$count", plain: true})),
			noun("upload-client-certificate", "Client certificates of an API connector",
				one(graphCommand{use: "post", short: "Add a client certificate", method: http.MethodPost, path: pathConnector + "/uploadClientCertificate"}))),
		noun("b2x-user-flows", "User flows",
			one(graphCommand{use: "list", short: "List user flows", method: http.MethodGet, path: pathFlows, listing: true}),
			one(graphCommand{use: "create", short: "Create a user flow", method: http.MethodPost, path: pathFlows}),
			one(graphCommand{use: "get", short: "Get a user flow", method: http.MethodGet, path: pathFlow}),
			one(graphCommand{use: "delete", short: "Delete a user flow", method: http.MethodDelete, path: pathFlow, silent: true}),
			noun("count", "How many there are", one(graphCommand{use: "get", short: "Get the number", method: http.MethodGet, path: pathFlows + "/$count", plain: true})),
			noun("api-connector-configuration", "The connectors of a user flow",
				one(graphCommand{use: "get", short: "Get them, with --expand those of the steps named", method: http.MethodGet, path: pathFlow + "/apiConnectorConfiguration"}),
				step("post-federation-signup", "postFederationSignup"), step("post-attribute-collection", "postAttributeCollection"))))
	cmd.Long = `The commands of Microsoft's Graph CLI, mgc, for what this service has: a line for mgc runs here with that one word changed.
Refusals are printed as mgc prints them, and the exit code is 1. Bodies with secrets are better given as @FILE or - than on the
command line, where other users of the machine can see them.`
	r.flags(cmd)
	return cmd
}

// graphFlags are the flags of mgc's commands.
type graphFlags struct {
	connector, flow           string
	body, ifMatch             string
	top, skip                 int
	search, filter            string
	count, all, unindented    bool
	orderBy, choose, expanded []string
	headers                   []string
	query                     string
	output                    choice
}

// graph makes one of mgc's commands.
func (c *cli) graph(r *remoteFlags, g graphCommand) *cobra.Command {
	var f graphFlags
	cmd := c.remote(r, g.use, g.short, cobra.NoArgs, func(ctx context.Context, service *app.Remote, _ []string) error {
		return c.asMGC(f.run(ctx, c, service, g))
	})
	flags := cmd.Flags()
	flags.StringArrayVar(&f.headers, "headers", nil, "header of the request as name=value; may be repeated")
	if strings.Contains(g.path, "{connector}") {
		flags.StringVar(&f.connector, "identity-api-connector-id", "", "id of the API connector")
		require(cmd, "identity-api-connector-id")
		_ = cmd.RegisterFlagCompletionFunc("identity-api-connector-id", r.completeConnectors(false)) // fails for unknown flags only
	}
	if strings.Contains(g.path, "{flow}") {
		flags.StringVar(&f.flow, "b2x-identity-user-flow-id", "", "id of the user flow")
		require(cmd, "b2x-identity-user-flow-id")
	}
	switch g.method {
	case http.MethodPost, http.MethodPatch, http.MethodPut:
		flags.StringVar(&f.body, "body", "", "the body, JSON; @FILE reads it from a file, - from standard input, where secrets belong")
		require(cmd, "body")
	case http.MethodDelete:
		flags.StringVar(&f.ifMatch, "if-match", "", "ETag that the object must have")
	}
	if g.listing {
		flags.IntVar(&f.top, "top", 0, "show only the first items")
		flags.IntVar(&f.skip, "skip", 0, "leave the first items out")
		flags.StringVar(&f.search, "search", "", "search phrases")
		flags.StringVar(&f.filter, "filter", "", "OData filter")
		flags.BoolVar(&f.count, "count", false, "include the number of items")
		flags.StringSliceVar(&f.orderBy, "orderby", nil, "properties to sort by")
		flags.BoolVar(&f.all, "all", false, "fetch all pages")
	}
	if g.silent || g.plain {
		return cmd
	}
	if g.method == http.MethodGet {
		flags.StringSliceVar(&f.choose, "select", nil, "properties to show")
		flags.StringSliceVar(&f.expanded, "expand", nil, "related objects to show")
	}
	flags.StringVar(&f.query, "query", "", "JMESPath expression that chooses from the answer")
	flags.BoolVar(&f.unindented, "json-no-indent", false, "JSON in one line")
	f.output.flag(cmd, "json", "table", "text", "yaml", "none")
	return cmd
}

// run makes the request of a command and prints the answer.
func (f *graphFlags) run(ctx context.Context, c *cli, service *app.Remote, g graphCommand) error {
	header, err := f.header()
	if err != nil {
		return err
	}
	body, err := f.content()
	if err != nil {
		return err
	}
	path := strings.NewReplacer("{connector}", url.PathEscape(f.connector), "{flow}", url.PathEscape(f.flow)).Replace(g.path)
	if options := f.options(); len(options) > 0 {
		path += "?" + app.RemoteQuery(options)
	}
	answer, err := service.Do(ctx, g.method, path, body, header)
	if err != nil {
		return err
	}
	document := answer.Body
	if f.all {
		if document, err = allPages(ctx, service, document); err != nil {
			return err
		}
	}
	switch {
	case g.silent:
		_, err := fmt.Fprintln(c.stdout, "Success")
		return err
	case len(document) == 0:
		return nil
	case g.plain:
		return writeDocument(c.stdout, "text", document)
	}
	if document, err = search(document, f.query); err != nil {
		return err
	}
	form := f.output.value
	if form == "json" && f.unindented {
		form = "compact"
	}
	return writeDocument(c.stdout, form, document)
}

// options are the query options of the request.
func (f *graphFlags) options() url.Values {
	v := url.Values{}
	add := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	add("$search", f.search)
	add("$filter", f.filter)
	add("$orderby", strings.Join(f.orderBy, ","))
	add("$select", strings.Join(f.choose, ","))
	add("$expand", strings.Join(f.expanded, ","))
	if f.top > 0 {
		v.Set("$top", strconv.Itoa(f.top))
	}
	if f.skip > 0 {
		v.Set("$skip", strconv.Itoa(f.skip))
	}
	if f.count {
		v.Set("$count", "true")
	}
	return v
}

// header is what --headers and --if-match ask for.
func (f *graphFlags) header() (http.Header, error) {
	h := http.Header{}
	for _, line := range f.headers {
		name, value, found := strings.Cut(line, "=")
		if !found || name == "" {
			return nil, errors.New("--headers takes name=value")
		}
		h.Add(name, value)
	}
	if f.ifMatch != "" {
		h.Set("If-Match", f.ifMatch)
	}
	return h, nil
}

// content is the body as it was given, nil for none.
func (f *graphFlags) content() (any, error) {
	text := []byte(f.body)
	var err error
	if file, found := strings.CutPrefix(f.body, "@"); found {
		text, err = os.ReadFile(file)
	} else if f.body == "-" {
		text, err = io.ReadAll(os.Stdin)
	}
	if err != nil {
		return nil, fmt.Errorf("--body: %w", err)
	}
	if len(text) == 0 {
		return nil, nil
	}
	if json.Valid(text) {
		return json.RawMessage(text), nil
	}
	// Microsoft's pages end each line of a body with a backslash, which a shell leaves there between single quotes.
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\\\n"), []byte("\n"))
	if !json.Valid(text) { // not repeated in the message: it may hold a secret
		return nil, errors.New("--body is not JSON")
	}
	return json.RawMessage(text), nil
}

// allPages is a listing with the elements of all pages, of which document is the first.
func allPages(ctx context.Context, service *app.Remote, document []byte) ([]byte, error) {
	var first struct {
		Context json.RawMessage   `json:"@odata.context,omitempty"`
		Count   json.RawMessage   `json:"@odata.count,omitempty"`
		Value   []json.RawMessage `json:"value"`
		Next    string            `json:"@odata.nextLink,omitempty"`
	}
	if err := json.Unmarshal(document, &first); err != nil || first.Next == "" {
		return document, nil // what is no listing has one page, and is printed as it is
	}
	for element, err := range service.All(ctx, first.Next) {
		if err != nil {
			return nil, err
		}
		first.Value = append(first.Value, element)
	}
	first.Next = ""
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(first)
	return out.Bytes(), err
}

// asMGC prints a refusal of the service as mgc does; other errors stay as they are.
func (c *cli) asMGC(err error) error {
	refused := (*app.RemoteError)(nil)
	if !errors.As(err, &refused) || refused.Token {
		return err
	}
	if refused.Code == "" {
		fmt.Fprintf(c.stderr, "Error %d from API.\n", refused.Status)
	} else {
		fmt.Fprintf(c.stderr, "Error %d(%s) from API:\n  %s\n", refused.Status, refused.Code, refused.Message)
	}
	return errSilent
}

// mgcArguments writes a command line of mgc so that it can be read here: mgc takes several values after one option
// ("--select id displayName") and a value after a switch ("--count true").
func mgcArguments(args []string) []string {
	if len(args) == 0 || args[0] != "identity" {
		return args
	}
	var out []string
	option, values := "", 0
	for _, arg := range args {
		switch {
		case strings.HasPrefix(arg, "--"):
			name, _, valued := strings.Cut(arg, "=")
			option, values = name, 0
			if valued {
				values = 1
			}
			out = append(out, arg)
			continue
		case values == 0 && (option == "--count" || option == "--all" || option == "--json-no-indent") && (arg == "true" || arg == "false"):
			out[len(out)-1] += "=" + arg
		case values > 0 && (option == "--select" || option == "--expand" || option == "--orderby" || option == "--headers"):
			out = append(out, option, arg)
		default:
			out = append(out, arg)
		}
		values++
	}
	return out
}
