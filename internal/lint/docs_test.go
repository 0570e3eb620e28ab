package lint

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/outbound"
	"github.com/patchbay/patchbay/internal/signup"
	"github.com/patchbay/patchbay/internal/target"
)

var update = flag.Bool("update", false, "write the generated blocks of docs/targets.md again")

// TestDocumentationIsCurrent: the blocks of docs/targets.md are what the tables of the program say.
func TestDocumentationIsCurrent(t *testing.T) {
	t.Parallel()
	page := filepath.Join("..", "..", "docs", "targets.md")
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(got)
	for name, text := range map[string]string{"request": requestBlock(t), "behaviours": behavioursBlock(), "checks": checksBlock()} {
		block := regexp.MustCompile(`(?s)(<!-- begin ` + name + ` -->\n).*?(<!-- end -->)`)
		if !block.MatchString(want) {
			t.Fatalf("docs/targets.md has no block %q", name)
		}
		want = block.ReplaceAllString(want, "${1}"+strings.ReplaceAll(text, "$", "$$")+"${2}")
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/targets.md is stale; run `make docs` (-want +got):\n%s", diff)
	}
}

// requestBlock is what lint's first call carries, in a flow of Azure AD B2C.
func requestBlock(t *testing.T) string {
	t.Helper()
	s := &session{Options: Options{ExtensionsApp: madeUpApp}}
	body, err := s.body(probe{kind: apiconn.B2C, step: apiconn.Steps[1]})
	if err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, body, "", "  "); err != nil {
		t.Fatal(err)
	}
	return "```json\n" + pretty.String() + "\n```\n"
}

func behavioursBlock() string {
	var b strings.Builder
	b.WriteString("| email | name | answer |\n|---|---|---|\n")
	for _, row := range target.Behaviours() {
		email := "any other"
		switch {
		case row.Number != "":
			email = fmt.Sprintf("`%s<%s>…@`", row.Prefix, row.Number)
		case row.Prefix != "":
			email = "`" + row.Prefix + "…@`"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", email, row.Name, row.What)
	}
	return b.String()
}

// checksBlock has every check that there is, whatever the credential.
func checksBlock() string {
	var b strings.Builder
	b.WriteString("| group | checks |\n|---|---|\n")
	seen, names, order := map[string]bool{}, map[string][]string{}, []string{}
	for _, o := range []Options{
		{URL: "https://example.org/?code=key", Credential: outbound.Credential{Username: "user"}},
		{URL: "https://example.org/", Credential: outbound.Credential{Certificate: &tls.Certificate{}}},
	} {
		o.Kinds, o.Steps = []apiconn.UserFlowKind{apiconn.B2C}, apiconn.Steps
		s := &session{Options: o}
		for _, p := range s.probes() {
			if key := p.group + "/" + p.name; !seen[key] {
				seen[key] = true
				if names[p.group] == nil {
					order = append(order, p.group)
				}
				names[p.group] = append(names[p.group], p.name)
			}
		}
	}
	for _, group := range order {
		fmt.Fprintf(&b, "| %s | %s |\n", group, strings.Join(names[group], " · "))
	}
	return b.String()
}

// TestExamplesAreAnswers: what docs/targets.md tells people to answer is what is obeyed.
func TestExamplesAreAnswers(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "targets.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, answers, _ := strings.Cut(string(page), "## What to answer")
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(answers, -1)
	status := map[apiconn.Action]int{apiconn.Continue: http.StatusOK, apiconn.ShowBlockPage: http.StatusOK, apiconn.ValidationError: http.StatusBadRequest}
	s := &session{Options: Options{ExtensionsApp: madeUpApp}}
	for i, want := range apiconn.Steps[1].Answers {
		if len(examples) != len(status) {
			t.Fatalf("the page has %d answers", len(examples))
		}
		sent := s.request(probe{kind: apiconn.B2X, step: apiconn.Steps[1]}).Claims
		v := signup.Judge(apiconn.Steps[1], sent, madeUpApp, signup.Answer{
			Status: status[want], ContentType: "application/json", Body: []byte(examples[i][1]),
		})
		if v.Action != want || len(v.Notes) > 0 {
			t.Errorf("example %d: %+v", i+1, v)
		}
	}
	for _, step := range apiconn.Steps {
		words := make([]string, len(step.Answers))
		for i, a := range step.Answers {
			words[i] = string(a)
		}
		if row := "| `" + step.Name + "` | " + strings.Join(words, ", ") + " |\n"; !strings.Contains(string(page), row) {
			t.Errorf("the page has no row %q", row)
		}
	}
}
