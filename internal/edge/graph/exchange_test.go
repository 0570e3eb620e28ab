package graph_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// transport is a way to send a request as it stands.
type transport struct {
	name      string
	lowerCase bool // header names come back in lower case
	send      func(t *testing.T, site *site, r *request) *response
}

var (
	overHTTP1 = transport{"HTTP/1.1", false, sendHTTP1}
	overHTTP2 = transport{"HTTP/2", true, sendHTTP2}
)

// response is one answer as it came in, header names as they were spelled.
type response struct {
	status int
	header [][2]string
	body   []byte
}

func (s *site) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", s.Listener.Addr().String())
}

// sendHTTP1 writes the octets of a request and reads those of its answer, because a client of net/http would tidy both.
func sendHTTP1(t *testing.T, s *site, r *request) *response {
	t.Helper()
	plain, err := s.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	config := s.client().Transport.(*http.Transport).TLSClientConfig
	config.NextProtos = []string{"http/1.1"}
	conn := tls.Client(plain, config)
	defer conn.Close()
	if _, err := io.WriteString(conn, r.String()); err != nil {
		t.Logf("write: %v", err) // the server may have answered and hung up before it had the whole body
	}
	in := bufio.NewReader(conn)
	a := &response{}
	first := readLine(t, in)
	if _, err := fmt.Sscanf(first, "HTTP/1.1 %d", &a.status); err != nil {
		t.Fatalf("%q is not a status line", first)
	}
	framing := http.Header{}
	for {
		line := readLine(t, in)
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ": ")
		framing.Add(name, value)
		a.header = append(a.header, [2]string{name, value})
	}
	var body io.Reader = in
	if framing.Get("Transfer-Encoding") == "chunked" {
		body = httputil.NewChunkedReader(in)
	}
	a.read(t, body, framing)
	return a
}

func readLine(t *testing.T, in *bufio.Reader) string {
	t.Helper()
	line, err := in.ReadString('\n')
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

func sendHTTP2(t *testing.T, s *site, r *request) *response {
	t.Helper()
	host, _ := r.get("Host")
	var body io.Reader
	if len(r.body) > 0 || r.chunked {
		body = bytes.NewReader(r.body)
	}
	if r.chunked {
		body = io.MultiReader(body) // hides the length
	}
	out, err := http.NewRequestWithContext(t.Context(), r.method, "https://"+host, body)
	if err != nil {
		t.Fatal(err)
	}
	out.URL = &url.URL{Scheme: "https", Host: host, Opaque: r.target}
	out.Header = http.Header{"User-Agent": {""}}
	for _, h := range r.header {
		out.Header.Add(h[0], h[1])
	}
	out.Header.Del("Host")
	client := s.client()
	defer client.CloseIdleConnections()
	in, err := client.Do(out)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Body.Close()
	if in.ProtoMajor != 2 {
		t.Fatalf("the answer came over %s", in.Proto)
	}
	a := &response{status: in.StatusCode}
	for name, values := range in.Header {
		for _, value := range values {
			a.header = append(a.header, [2]string{strings.ToLower(name), value})
		}
	}
	a.read(t, in.Body, in.Header)
	return a
}

// read reads the body and inflates it. Every answer has a Date.
func (a *response) read(t *testing.T, body io.Reader, framing http.Header) {
	t.Helper()
	if _, err := http.ParseTime(framing.Get("Date")); err != nil {
		t.Errorf("Date: %v", err)
	}
	var err error
	if a.body, err = io.ReadAll(body); err != nil {
		t.Fatalf("read the body: %v", err)
	}
	if framing.Get("Content-Encoding") != "gzip" {
		return
	}
	zr, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		t.Fatalf("the body is not gzip: %v", err)
	}
	if a.body, err = io.ReadAll(zr); err != nil {
		t.Fatalf("inflate the body: %v", err)
	}
}

// framing are the headers that belong to the connection and not to the answer.
var framing = []string{"date", "content-length", "transfer-encoding", "connection"}

const ags = `{"ServerInfo":{"DataCenter":"Patchbay","Slice":"E","Ring":"1","ScaleUnit":"001","RoleInstance":"PB00000001"}}`

// usual are the headers that every answer has, those with a body have, and successes with a body have (contract 3.2).
func (a *response) usual() [][2]string {
	headers := [][2]string{
		{"request-id", "$REQ"},
		{"client-request-id", "$REQ"},
		{"x-ms-ags-diagnostic", ags},
		{"Strict-Transport-Security", "max-age=31536000"},
		{"Vary", "Accept-Encoding"},
	}
	switch {
	case len(a.body) == 0:
	case a.status < http.StatusBadRequest:
		headers = append(headers,
			[2]string{"Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"},
			[2]string{"Cache-Control", "no-cache"}, [2]string{"OData-Version", "4.0"}, [2]string{"x-ms-resource-unit", "1"})
	default:
		headers = append(headers, [2]string{"Content-Type", "application/json"}, [2]string{"Cache-Control", "no-cache"})
	}
	return headers
}

// render writes an answer as a script has it.
func (a *response) render(r *request, names *names, number string) string {
	for _, h := range a.header {
		if strings.EqualFold(h[0], "request-id") {
			names.request(number, h[1])
		}
	}
	var lines []string
	usual := a.usual()
	for _, h := range a.header {
		if slices.Contains(framing, strings.ToLower(h[0])) {
			continue
		}
		line := h[0] + ": " + names.extract(h[1])
		i := slices.IndexFunc(usual, func(u [2]string) bool {
			return u[1] == names.extract(h[1]) && slices.Contains([]string{u[0], strings.ToLower(u[0])}, h[0])
		})
		if i >= 0 {
			usual = slices.Delete(usual, i, i+1)
			if !r.showAll {
				continue
			}
		}
		lines = append(lines, line)
	}
	for _, u := range usual {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(strings.ToLower(line), strings.ToLower(u[0])+":") }) {
			lines = append(lines, "-"+strings.ToLower(u[0]))
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	head := fmt.Sprintf("HTTP %d\n%s", a.status, strings.Join(append(lines, ""), "\n"))
	if len(a.body) == 0 {
		return head + "\n"
	}
	return head + "\n" + names.extract(string(a.body)) + "\n"
}

// names gives names to what differs from run to run.
type names struct {
	values map[string]string // by name
	known  map[string]string // names by value
	number map[string]int    // of names so far, by prefix
	files  map[string]pfx
}

func newNames(t *testing.T) *names {
	t.Helper()
	n := &names{values: map[string]string{}, known: map[string]string{}, number: map[string]int{}, files: pfxFiles(t)}
	for name, file := range n.files {
		n.values["${pfx."+name+"}"] = file.value
		n.values["${thumb."+name+"}"] = file.thumbprint
		n.known[file.thumbprint] = "${thumb." + name + "}"
	}
	return n
}

var (
	guids       = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
	skipTokens  = regexp.MustCompile(`(\$skiptoken=)([A-Za-z0-9_-]+)`)
	thumbprints = regexp.MustCompile(`[0-9A-F]{40}`)
	references  = regexp.MustCompile(`\$(ID|REQ|NEXT)\d+|\$\{[a-z]+\.[a-z]+\}`)
)

// fixed are the GUIDs that scripts write as they are.
var fixed = []string{contoso, fabrikam, appID, objectID, userID, "66666666-6666-4666-8666-666666666666"}

// insert puts values in the place of names.
func (n *names) insert(text string) string {
	return references.ReplaceAllStringFunc(text, func(name string) string {
		if value, ok := n.values[name]; ok {
			return value
		}
		return name
	})
}

// request names the request id of the exchange of that number: $REQ within it, with its number afterwards.
func (n *names) request(number, id string) {
	for value, name := range n.known {
		if name == "$REQ" {
			n.known[value] = "$REQ" + n.values["$REQ"]
			n.values[n.known[value]] = value
		}
	}
	n.known[id], n.values["$REQ"] = "$REQ", number
}

// extract puts names in the place of values.
func (n *names) extract(text string) string {
	text = guids.ReplaceAllStringFunc(text, func(id string) string {
		if slices.Contains(fixed, id) {
			return id
		}
		return n.name("$ID", id)
	})
	text = skipTokens.ReplaceAllStringFunc(text, func(found string) string {
		parts := skipTokens.FindStringSubmatch(found)
		return parts[1] + n.name("$NEXT", parts[2])
	})
	return thumbprints.ReplaceAllStringFunc(text, func(thumbprint string) string {
		if name, ok := n.known[thumbprint]; ok {
			return name
		}
		return thumbprint
	})
}

func (n *names) name(prefix, value string) string {
	if name, ok := n.known[value]; ok {
		return name
	}
	n.number[prefix]++
	name := fmt.Sprintf("%s%d", prefix, n.number[prefix])
	n.known[value], n.values[name] = name, value
	return name
}
