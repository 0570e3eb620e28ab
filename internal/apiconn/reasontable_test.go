package apiconn

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryReasonHasARow: the table has the constants of reason.go, all of them, in their order, and says something of each.
func TestEveryReasonHasARow(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			v := spec.(*ast.ValueSpec)
			if kind, ok := v.Type.(*ast.Ident); !ok || kind.Name != "DecisionReason" {
				continue
			}
			for _, value := range v.Values {
				name, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, name)
			}
		}
	}
	if len(want) < 80 {
		t.Fatalf("only %d constants were found", len(want))
	}
	var got []string
	sentences := map[string]DecisionReason{}
	for _, f := range Reasons() {
		got = append(got, string(f.Reason))
		if !strings.HasSuffix(f.Sentence, ".") || strings.Contains(f.Sentence, ". ") || strings.Contains(f.Sentence, "|") || len(f.Sentence) < 40 {
			t.Errorf("%s: not one sentence that says what to do: %q", f.Reason, f.Sentence)
		}
		if other, twice := sentences[f.Sentence]; twice {
			t.Errorf("%s has the sentence of %s", f.Reason, other)
		}
		sentences[f.Sentence] = f.Reason
		if f.Effect != Decides && f.Effect != Fails && f.Effect != Noted {
			t.Errorf("%s: effect %q", f.Reason, f.Effect)
		}
		if found, ok := ReasonByName(f.Reason); !ok || found != f {
			t.Errorf("%s is found as %v, %v", f.Reason, found, ok)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons of reason.go without a row, or rows without one (-want +got):\n%s", diff)
	}
	if f, ok := ReasonByName("no_such_reason"); ok {
		t.Errorf("found %v", f)
	}
}
