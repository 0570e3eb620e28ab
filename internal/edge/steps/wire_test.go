package steps_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestWire plays the scripts of testdata/wire, each on a site of its own: what goes out must be what the script says, byte
// for byte, and as the published description has it. With -update the answers are written again: read the difference.
//
// A script begins with prose, in which a line "set cors" is a setting. Then come sections "1.request", perhaps "1.target"
// and "1.answer". A request is its line, headers, an empty line and a body, whose last line feed does not count. A target
// section is what the connector's endpoint answers from then on: status, Content-Type and, behind an empty line, the body. An
// answer ends with what the endpoints were sent: path, credential and body. These headers of a request do not go out:
//
//	X-Caller  who asks, a name of site.callers; default idp
//	X-Body    gzip: the body goes out compressed; latin1: with an octet that is not UTF-8
//	X-Clock   how far the clock moves before the request; after each request it moves by a second
//	X-Show    the names of headers to show that every answer has
//
// What differs from run to run has a name, by which later requests may call it: $REQ the request-id, $ID1 the first GUID
// the script does not know, $NEXT1 the first skiptoken, $AT any time, $MS any measured duration, $TARGET the endpoint's URL.
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
			played := play(t, script)
			if *update {
				if err := os.WriteFile(path, txtar.Format(played), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(script)), string(txtar.Format(played))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// play returns a script with the answers that came.
func play(t *testing.T, script *txtar.Archive) *txtar.Archive {
	t.Helper()
	var s settings
	for line := range strings.Lines(string(script.Comment)) {
		switch strings.TrimSpace(line) {
		case "set cors":
			s.cors = true
		case "set keep-values":
			s.keepValues = true
		case "set no-basic":
			s.noBasic = true
		case "set max-body":
			s.edge.MaxBody, s.edge.MaxInflated = 200, 400
		}
	}
	p := &player{T: t, site: build(t, s)}
	played := &txtar.Archive{Comment: script.Comment}
	for _, section := range script.Files {
		number, kind, _ := strings.Cut(section.Name, ".")
		switch kind {
		case "request":
			p.flush(played)
			p.number, p.request = number, string(section.Data)
		case "target":
			p.flush(played)
			p.target(string(section.Data))
		case "answer":
			continue
		default:
			t.Fatalf("what is the section %q?", section.Name)
		}
		played.Files = append(played.Files, section)
	}
	p.flush(played)
	return played
}

// player is a script being played.
type player struct {
	*testing.T
	site            *site
	number, request string // to be sent
	ids             []string
	tokens          []string
}

func (p *player) target(text string) {
	head, body, _ := strings.Cut(text, "\n\n")
	status, contentType, _ := strings.Cut(strings.TrimSpace(head), " ")
	p.site.target.says(status, contentType, strings.TrimSuffix(body, "\n"))
	p.site.elsewhere.says(status, contentType, strings.TrimSuffix(body, "\n"))
}

// flush sends the request that waits.
func (p *player) flush(played *txtar.Archive) {
	p.Helper()
	if p.request == "" {
		return
	}
	head, body, _ := strings.Cut(p.insert(p.request), "\n\n")
	body = strings.TrimSuffix(body, "\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, path, _ := strings.Cut(lines[0], " ")
	caller, show := "idp", ""
	var header []string
	for _, line := range lines[1:] {
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "X-Caller":
			caller = value
		case "X-Show":
			show = value
		case "X-Clock":
			d, err := time.ParseDuration(value)
			if err != nil {
				p.Fatal(err)
			}
			p.site.in.Clock.Advance(d)
		case "X-Body":
			body = p.transform(value, body)
		default:
			header = append(header, name, value)
		}
	}
	got := p.site.do(p, caller, method, path, body, header...)
	hold(p.T, method, path, body, got)
	p.site.in.Clock.Advance(time.Second)
	played.Files = append(played.Files, txtar.File{Name: p.number + ".answer", Data: []byte(p.render(got, show))})
	p.request = ""
}

func (p *player) transform(how, body string) string {
	switch how {
	case "latin1":
		return strings.ReplaceAll(body, "é", "\xe9")
	case "gzip":
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write([]byte(body)); err != nil {
			p.Fatal(err)
		}
		if err := w.Close(); err != nil {
			p.Fatal(err)
		}
		return out.String()
	}
	p.Fatalf("X-Body cannot %q", how)
	return ""
}

// always are the headers that every answer has.
var always = []string{"Request-Id", "Client-Request-Id", "Strict-Transport-Security", "Cache-Control", "X-Content-Type-Options", "Date", "Content-Length", "Vary"}

// render writes an answer down.
func (p *player) render(got reply, show string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP %d\n", got.status)
	var names []string
	for name := range got.header {
		hidden := slices.Contains(always, name) || name == "Content-Type" && got.header.Get(name) == "application/json"
		if !hidden || strings.Contains(show, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range got.header[http.CanonicalHeaderKey(name)] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	body := got.body
	if got.header.Get("Content-Encoding") == "gzip" {
		body = fmt.Sprintf("(%s)", "compressed")
	}
	fmt.Fprintf(&b, "\n%s\n", body)
	for _, e := range []struct {
		name   string
		target *target
	}{{"target", p.site.target}, {"elsewhere", p.site.elsewhere}} {
		for _, line := range e.target.takes() {
			fmt.Fprintf(&b, "%s %s\n", e.name, line)
		}
	}
	return p.named(b.String(), got.header.Get("Request-Id"))
}

var (
	guids    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	skips    = regexp.MustCompile(`skiptoken=([^"&]+)`)
	volatile = []struct {
		of *regexp.Regexp
		as string
	}{
		{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?`), "$$AT"},
		{regexp.MustCompile(`"(started|duration)Milliseconds":[0-9.]+`), `"${1}Milliseconds":$$MS`},
		{regexp.MustCompile(`00-([0-9a-f]{32})-[0-9a-f]{16}-01`), "$$TRACE"},
		{regexp.MustCompile(`"hash":"[0-9a-f]{16}"`), `"hash":"$$HASH"`},
		{regexp.MustCompile(`"peerThumbprint":"[0-9A-F]{40}"`), `"peerThumbprint":"$$THUMB"`},
		{regexp.MustCompile(`TLS_[A-Z0-9_]{10,}`), "$$SUITE"},
		{regexp.MustCompile(`-----BEGIN[^"]*END CERTIFICATE-----\\n`), "$$ROOTS"},
	}
)

// named gives what differs from run to run its name.
func (p *player) named(text, requestID string) string {
	for _, k := range p.site.known {
		text = strings.ReplaceAll(text, k[1], k[0])
	}
	text = strings.ReplaceAll(text, requestID, "$REQ")
	text = strings.ReplaceAll(text, p.site.URL, "$SITE")
	for _, v := range volatile {
		text = v.of.ReplaceAllString(text, v.as)
	}
	text = guids.ReplaceAllStringFunc(text, func(id string) string { return fmt.Sprintf("$ID%d", place(&p.ids, id)) })
	return skips.ReplaceAllStringFunc(text, func(token string) string {
		return fmt.Sprintf("skiptoken=$NEXT%d", place(&p.tokens, strings.TrimPrefix(token, "skiptoken=")))
	})
}

// place is the number of a text among those seen, from 1.
func place(seen *[]string, text string) int {
	i := slices.Index(*seen, text)
	if i < 0 {
		i, *seen = len(*seen), append(*seen, text)
	}
	return i + 1
}

// insert puts in what names stand for.
func (p *player) insert(text string) string {
	var pairs []string
	for i := len(p.ids) - 1; i >= 0; i-- { // $ID12 before $ID1
		pairs = append(pairs, fmt.Sprintf("$ID%d", i+1), p.ids[i])
	}
	for i := len(p.tokens) - 1; i >= 0; i-- {
		pairs = append(pairs, fmt.Sprintf("$NEXT%d", i+1), p.tokens[i])
	}
	for _, k := range slices.Backward(p.site.known) {
		pairs = append(pairs, k[0], k[1])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
