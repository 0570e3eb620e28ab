package signup

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// extensionsAppOfTests is the extensions app of the corpus.
const extensionsAppOfTests = "5f0c3b8e9a554a418a0e4f1d0f7a1c11"

// answerCase is one answer of the corpus.
type answerCase struct {
	name   string
	step   apiconn.Step
	sent   apiconn.Claims
	app    string
	answer Answer
	expect string // action, reason and the reasons of the notes, as somebody thought of them before running anything
}

// TestAnswers judges every answer of testdata/answers. An answer is a pair of sections, "NAME.answer" and "NAME.verdict".
// The first begins with lines of settings:
//
//	expect ACTION REASON [NOTE ...]   what it must come to
//	step NAME                         default postAttributeCollection
//	sent CLAIMS                       default {"email":"ann@fabrikam.example"}
//	app ID                            the extensions app, "-" for none; default extensionsAppOfTests
//	body HOW ...                      bom, base64, repeat=N (what stands between « and », N times, # being the number), as=UTF16LE: what happens to the body, in order
//
// Then come the line "HTTP STATUS", a Content-Type if there is one, an empty line and the body, whose last line feed does
// not count. With -update the verdicts are written again, but not what was expected: read the difference.
func TestAnswers(t *testing.T) {
	t.Parallel()
	produced := map[apiconn.DecisionReason]bool{}
	total := 0
	for path, archive := range answerArchives(t) {
		same := true
		for i := 0; i < len(archive.Files); i++ {
			name, isAnswer := strings.CutSuffix(archive.Files[i].Name, ".answer")
			if !isAnswer {
				t.Fatalf("%s: section %q is out of its place", path, archive.Files[i].Name)
			}
			if *update && (i+1 == len(archive.Files) || archive.Files[i+1].Name != name+".verdict") {
				archive.Files = slices.Insert(archive.Files, i+1, txtar.File{Name: name + ".verdict"})
			}
			if i+1 == len(archive.Files) || archive.Files[i+1].Name != name+".verdict" {
				t.Fatalf("%s: %s has no verdict", path, name)
			}
			c := parseAnswerCase(t, name, string(archive.Files[i].Data))
			i++
			total++
			v := Judge(c.step, c.sent, c.app, c.answer)
			outline := fmt.Sprintf("%s %s", v.Action, v.Reason)
			produced[v.Reason] = true
			for _, n := range v.Notes {
				produced[n.Reason] = true
				outline += " " + string(n.Reason)
			}
			if outline != c.expect {
				t.Errorf("%s: %s: got %q, want %q", path, name, outline, c.expect)
			}
			if got := renderVerdict(v); got != string(archive.Files[i].Data) {
				same = false
				if !*update {
					t.Errorf("%s: %s (-want +got):\n%s", path, name, cmp.Diff(string(archive.Files[i].Data), got))
				}
				archive.Files[i].Data = []byte(got)
			}
		}
		if !same && *update {
			if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if total < 80 {
		t.Errorf("the corpus has %d answers only", total)
	}
	for _, f := range reasonsOfAnswers() {
		if !produced[f.Reason] {
			t.Errorf("no answer of the corpus comes to %s", f.Reason)
		}
	}
}

// reasonsOfAnswers are those that Judge can give: the connector's decisions, and everything from the statuses on.
func reasonsOfAnswers() []apiconn.ReasonFacts {
	all := apiconn.Reasons()
	from := slices.IndexFunc(all, func(f apiconn.ReasonFacts) bool { return f.Reason == apiconn.ReasonRedirected })
	mine := slices.Clone(all[from:])
	for _, f := range all[:from] {
		if f.Effect == apiconn.Decides && f.Reason != apiconn.ReasonNoConnector || f.Reason == apiconn.ReasonAnswerTooLarge {
			mine = append(mine, f)
		}
	}
	return mine
}

func answerArchives(tb testing.TB) map[string]*txtar.Archive {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "answers", "*.txtar"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no answers: %v", err)
	}
	archives := map[string]*txtar.Archive{}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		archives[path] = archive
	}
	return archives
}

func parseAnswerCase(tb testing.TB, name, text string) answerCase {
	tb.Helper()
	c := answerCase{name: name, app: extensionsAppOfTests, sent: apiconn.Claims{"email": "ann@fabrikam.example"}}
	c.step, _ = apiconn.StepByName("postAttributeCollection")
	head, body, _ := strings.Cut(text, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		var err error
		ok := true
		switch key {
		case "expect":
			c.expect = value
		case "step":
			c.step, ok = apiconn.StepByName(value)
		case "sent":
			c.sent, err = ParseClaims([]byte(value))
		case "app":
			c.app = strings.TrimPrefix(value, "-")
		case "body":
			for how := range strings.FieldsSeq(value) {
				body = changeBody(tb, body, how)
			}
		case "HTTP":
			c.answer.Status, err = strconv.Atoi(value)
		case "credential":
			c.answer.Certificate = value == "certificate"
		case "Content-Type:":
			c.answer.ContentType = value
		default:
			ok = false
		}
		if err != nil || !ok {
			tb.Fatalf("%s: %q: %v", name, line, err)
		}
	}
	c.answer.Body = []byte(body)
	return c
}

func changeBody(tb testing.TB, body, how string) string {
	tb.Helper()
	verb, argument, _ := strings.Cut(how, "=")
	switch verb {
	case "bom":
		return "\uFEFF" + body
	case "base64":
		octets, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			tb.Fatal(err)
		}
		return string(octets)
	case "as":
		wide := make([]byte, 0, 2*len(body))
		for _, c := range []byte(body) {
			if argument == "UTF16LE" {
				wide = append(wide, c, 0)
			} else {
				wide = append(wide, 0, c)
			}
		}
		return string(wide)
	case "repeat": // what stands between « and »
		n, err := strconv.Atoi(argument)
		if err != nil {
			tb.Fatal(err)
		}
		before, rest, _ := strings.Cut(body, "«")
		middle, after, _ := strings.Cut(rest, "»")
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(middle, "#", strconv.Itoa(i)))
		}
		return before + b.String() + after
	}
	tb.Fatalf("nothing is known of %q", how)
	return ""
}

func renderVerdict(v Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", v.Action, v.Reason)
	fmt.Fprintf(&b, "detail  %s\n", v.Detail)
	if v.Claims != nil {
		fmt.Fprintf(&b, "claims  %s\n", clipped(string(AppendClaims(nil, v.Claims))))
	}
	if v.UserMessage != "" {
		fmt.Fprintf(&b, "message %q\n", v.UserMessage)
	}
	for i, n := range v.Notes {
		if i < 3 || i == len(v.Notes)-1 {
			fmt.Fprintf(&b, "note    %s\n", strings.TrimSpace(fmt.Sprintf("%s %s", n.Reason, n.Claim)))
		}
	}
	return b.String()
}

func clipped(text string) string {
	const most = 300
	if len(text) > most {
		return fmt.Sprintf("%s… (%d octets)", text[:most], len(text))
	}
	return text
}
