package graph_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/patchbay/patchbay/internal/edge/graph"
)

// TestWire plays the scripts of testdata/wire, each on a site of its own, first over HTTP/1.1 and then over HTTP/2: what
// goes out must be what the script says, byte for byte, and as the published description has it. With -update the answers are written again: read the difference.
//
// A script begins with prose, in which a line "set cloud china" is a setting; "set spelling loose" says that requests are
// accepted which no description has. Then come pairs of sections, "1.request"
// and "1.answer". A request is its line without the protocol, headers, an empty line and a body, whose last
// line feed does not count. Host and Authorization are added; Content-Type is application/json where there is a body,
// unless the script gives one ("-" is none). These headers do not go out:
//
//	X-Caller  who asks, a name of callers; default admin
//	X-Body    what happens to the body, in order: crlf, bom, gzip, base64 (decoded), spaces=N (that many), cut=N (octets
//	          off its end), chunked
//	X-Clock   how far the clock moves before the request; after each request it moves by a second
//	X-Show    all: the answer shows the headers that every answer has, too
//
// What differs from run to run has a name, by which later requests may call it: $REQ the request-id, $REQ2 that of the
// second exchange, $ID1 the first GUID the script does not know, $NEXT1 the first $skiptoken, ${pfx.leaf} a PKCS#12 file,
// ${thumb.leaf} its thumbprint. Of the headers that every answer has those are shown that differ; a "-" marks one that
// is missing.
func TestWire(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob(filepath.Join("testdata", "wire", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			script, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !play(t, script, overHTTP1) && *update {
				if err := os.WriteFile(path, txtar.Format(script), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if !*update && !strings.Contains(string(script.Comment), "set transport http/1.1\n") {
				play(t, script, overHTTP2)
			}
		})
	}
}

// play plays a script over one transport and tells whether every answer was as expected. With -update it puts the
// answers into the script instead of failing.
func play(t *testing.T, script *txtar.Archive, transport transport) bool {
	t.Helper()
	site := build(t, readSettings(t, string(script.Comment)))
	names := newNames(t)
	same := true
	for i := 0; i < len(script.Files); i++ {
		request := script.Files[i]
		number, isRequest := strings.CutSuffix(request.Name, ".request")
		if !isRequest {
			t.Fatalf("section %q is out of its place", request.Name)
		}
		if *update && (i+1 == len(script.Files) || script.Files[i+1].Name != number+".answer") {
			rest := append([]txtar.File{{Name: number + ".answer"}}, script.Files[i+1:]...)
			script.Files = append(script.Files[:i+1:i+1], rest...)
		}
		if i++; i == len(script.Files) || script.Files[i].Name != number+".answer" {
			t.Fatalf("request %s has no answer", number)
		}
		r := parseRequest(t, site, names, string(request.Data))
		answer := transport.send(t, site, r)
		hold(t, r, answer, strings.Contains(string(script.Comment), "set spelling loose\n"))
		got := answer.render(r, names, number)
		site.clock.Advance(time.Second)
		want := string(script.Files[i].Data)
		if transport.lowerCase {
			want = lowerHeader(want)
		}
		if got == want {
			continue
		}
		same = false
		if *update {
			script.Files[i].Data = []byte(got)
			continue
		}
		t.Errorf("request %s over %s (-want +got):\n%s", number, transport.name, cmp.Diff(want, got))
	}
	return same
}

// lowerHeader lowers the names of an answer's headers, as HTTP/2 does.
func lowerHeader(answer string) string {
	head, body, _ := strings.Cut(answer, "\n\n")
	lines := strings.Split(head, "\n")
	for i, line := range lines {
		if name, value, isHeader := strings.Cut(line, ": "); isHeader {
			lines[i] = strings.ToLower(name) + ": " + value
		} else {
			lines[i] = strings.ToLower(line)
		}
	}
	lines[0], _, _ = strings.Cut(head, "\n")
	return strings.Join(lines, "\n") + "\n\n" + body
}

func readSettings(t *testing.T, comment string) settings {
	t.Helper()
	s := settings{graph: graph.Options{CORS: true}}
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for line := range strings.Lines(comment) {
		setting, found := strings.CutPrefix(strings.TrimSpace(line), "set ")
		if !found {
			continue
		}
		name, value, _ := strings.Cut(setting, " ")
		switch name {
		case "cloud":
			s.graph.Cloud = graph.Cloud(value)
		case "throttle":
			s.graph.Throttle = graph.Throttle(value)
		case "authority":
			s.graph.AuthorityURL = value
		case "page-size":
			s.graph.PageSize = number(value)
		case "max-url":
			s.graph.MaxURL = number(value)
		case "max-body":
			s.edge.MaxBody = int64(number(value))
		case "max-inflated":
			s.edge.MaxInflated = int64(number(value))
		case "cors":
			s.graph.CORS = value != "off"
		case "proxy":
			s.edge.TrustProxyHeaders = value == "trusted"
		case "allow-http":
			s.manage.AllowHTTP = value == "yes"
		case "upload-onto-basic":
			s.manage.UploadOntoBasic = value == "yes"
		case "unlink-on-delete":
			s.manage.UnlinkOnDelete = value == "yes"
		case "transport", "spelling":
		default:
			t.Fatalf("there is no setting %q", name)
		}
	}
	return s
}

// request is one request as it goes out.
type request struct {
	method, target string
	header         [][2]string
	body           []byte
	chunked        bool
	showAll        bool
}

func (r *request) get(name string) (string, bool) {
	for _, h := range r.header {
		if strings.EqualFold(h[0], name) {
			return h[1], true
		}
	}
	return "", false
}

func parseRequest(t *testing.T, site *site, names *names, text string) *request {
	t.Helper()
	head, body, _ := strings.Cut(names.insert(text), "\n\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	r := &request{body: []byte(strings.TrimSuffix(body, "\n"))}
	var found bool
	if r.method, r.target, found = strings.Cut(lines[0], " "); !found {
		t.Fatalf("%q is not a request line", lines[0])
	}
	caller := "admin"
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "X-Caller":
			caller = value
		case "X-Show":
			r.showAll = value == "all"
		case "X-Body":
			for how := range strings.SplitSeq(value, ", ") {
				r.transform(t, how)
			}
		case "X-Clock":
			d, err := time.ParseDuration(value)
			if err != nil {
				t.Fatal(err)
			}
			site.clock.Advance(d)
		default:
			r.header = append(r.header, [2]string{name, value})
		}
	}
	r.complete(site.authorization(t, caller))
	return r
}

// complete adds the headers that a script leaves out.
func (r *request) complete(authorization string) {
	if _, given := r.get("Host"); !given {
		r.header = append(r.header, [2]string{"Host", "graph.example"})
	}
	if authorization != "" {
		r.header = append(r.header, [2]string{"Authorization", authorization})
	}
	switch contentType, given := r.get("Content-Type"); {
	case !given && len(r.body) > 0:
		r.header = append(r.header, [2]string{"Content-Type", "application/json"})
	case contentType == "-":
		for i, h := range r.header {
			if strings.EqualFold(h[0], "Content-Type") {
				r.header = append(r.header[:i], r.header[i+1:]...)
				break
			}
		}
	}
}

// transform changes the body as X-Body says.
func (r *request) transform(t *testing.T, how string) {
	t.Helper()
	name, value, _ := strings.Cut(how, "=")
	number, _ := strconv.Atoi(value)
	switch name {
	case "crlf":
		r.body = bytes.ReplaceAll(r.body, []byte("\n"), []byte("\r\n"))
	case "bom":
		r.body = append([]byte("\uFEFF"), r.body...)
	case "spaces":
		r.body = append(r.body, bytes.Repeat([]byte(" "), number)...)
	case "cut":
		r.body = r.body[:len(r.body)-number]
	case "chunked":
		r.chunked = true
	case "gzip":
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write(r.body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r.body = out.Bytes()
	case "base64":
		plain, err := base64.StdEncoding.DecodeString(string(r.body))
		if err != nil {
			t.Fatal(err)
		}
		r.body = plain
	default:
		t.Fatalf("X-Body cannot %q", how)
	}
}

// String is the request as it goes out over HTTP/1.1.
func (r *request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.method, r.target)
	for _, h := range r.header {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("Connection: close\r\n")
	switch {
	case r.chunked:
		half := len(r.body) / 2
		fmt.Fprintf(&b, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", half, r.body[:half], len(r.body)-half, r.body[half:])
	case len(r.body) > 0:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(r.body), r.body)
	default:
		b.WriteString("\r\n")
	}
	return b.String()
}
