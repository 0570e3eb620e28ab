package internal_test

import (
	"go/ast"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// noPackageState: package variables are tables, embedded files and sentinels; each of those has its value in its
// declaration. A variable without one, or one that can only be of use by changing, is state. Strings that the linker sets
// are none; their comment says so with its option -X.
func noPackageState(h *house) []string {
	var faults []string
	for _, s := range h.production() {
		for _, decl := range s.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					faults = append(faults, h.fault(d.Pos(), "init runs where nobody calls it; make it a function that app calls"))
				}
			case *ast.GenDecl:
				if d.Tok != token.VAR {
					continue
				}
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && isState(d, v) {
						faults = append(faults, h.fault(v.Pos(), "the package variable %s is state; make it a field", v.Names[0].Name))
					}
				}
			}
		}
	}
	return faults
}

// isState tells whether the package variable v can only be meant to change.
func isState(d *ast.GenDecl, v *ast.ValueSpec) bool {
	embedded := hasDirective(d.Doc, "//go:embed") || hasDirective(v.Doc, "//go:embed")
	if len(v.Values) == 0 {
		return !embedded && !strings.Contains(d.Doc.Text(), "-X main.")
	}
	for _, value := range v.Values {
		if address, ok := value.(*ast.UnaryExpr); ok && address.Op == token.AND {
			value = address.X
		}
		switch x := value.(type) {
		case *ast.CallExpr:
			if f, ok := x.Fun.(*ast.Ident); ok && (f.Name == "make" || f.Name == "new") {
				return true
			}
		case *ast.CompositeLit:
			if t, ok := x.Type.(*ast.SelectorExpr); ok {
				if p, ok := t.X.(*ast.Ident); ok && (p.Name == "sync" || p.Name == "atomic") {
					return true
				}
			}
		}
	}
	return false
}

// hasDirective tells whether a comment of the group begins with text.
func hasDirective(group *ast.CommentGroup, text string) bool {
	return group != nil && slices.ContainsFunc(group.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, text) })
}

// sizes: a file that outgrew its limit holds two things; so does a function. Tables of tests may be long, test files
// may not.
func sizes(h *house) []string {
	var faults []string
	for _, s := range h.files {
		if ast.IsGenerated(s.ast) || s.outside() {
			continue
		}
		if s.lines > maxFileLines {
			faults = append(faults, h.fault(s.ast.Package, "%d lines, more than %d: split the file by what it does", s.lines, maxFileLines))
		}
		if s.test {
			continue
		}
		for _, decl := range s.ast.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := h.fset.Position(f.End()).Line - h.fset.Position(f.Pos()).Line + 1; n > maxFunctionLines {
				faults = append(faults, h.fault(f.Pos(), "%s has %d lines, more than %d: name its parts", f.Name.Name, n, maxFunctionLines))
			}
		}
	}
	return faults
}

// emptyNames say nothing about what is inside.
var emptyNames = []string{
	"base", "common", "constants", "core", "global", "globals", "helper", "helpers", "interfaces", "lib", "misc", "model", "models", "pkg", "shared", "tools", "types",
	"util", "utils",
}

// packageNames: a package is named for what it holds, and like its folder.
func packageNames(h *house) []string {
	var faults []string
	seen := map[string]bool{}
	for _, s := range h.files {
		name := strings.TrimSuffix(s.ast.Name.Name, "_test")
		if s.outside() || s.room == "" || seen[s.room+" "+name] {
			continue
		}
		seen[s.room+" "+name] = true
		switch {
		case slices.Contains(emptyNames, name), slices.Contains(emptyNames, path.Base(s.room)):
			faults = append(faults, h.fault(s.ast.Package, "the name %s says nothing about what is inside", s.room))
		case name != "main" && name != path.Base(s.room):
			faults = append(faults, h.fault(s.ast.Package, "package %s stands in the folder %s; give both one name", name, s.room))
		}
	}
	return faults
}

// packageComments: exactly one file of a package says what it is, in the form that go doc shows.
func packageComments(h *house) []string {
	var faults []string
	comments := map[string]int{}
	first := map[string]*source{}
	for _, s := range h.production() {
		if first[s.room] == nil {
			first[s.room] = s
		}
		if s.ast.Doc == nil {
			continue
		}
		comments[s.room]++
		want := "Package " + s.ast.Name.Name + " "
		if s.ast.Name.Name == "main" {
			want = "Command " + path.Base(s.room) + " "
		}
		if !strings.HasPrefix(s.ast.Doc.Text(), want) {
			faults = append(faults, h.fault(s.ast.Doc.Pos(), "the package comment begins %q", want))
		}
	}
	for _, room := range slices.Sorted(maps.Keys(first)) {
		if n := comments[room]; n != 1 {
			faults = append(faults, h.fault(first[room].ast.Package, "the package %s has %d package comments; it has one, which says what the room is and what it must not do", room, n))
		}
	}
	return faults
}

// unfinished marks what somebody meant to come back to. It is spelled so that this file does not match itself.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b|(?i:not implemented)`)

// finished: an issue tracker remembers better than a comment, and an error is better than a panic.
func finished(h *house) []string {
	var faults []string
	for _, s := range h.production() {
		for _, group := range s.ast.Comments {
			for _, comment := range group.List {
				if mark := unfinished.FindString(comment.Text); mark != "" {
					faults = append(faults, h.fault(comment.Pos(), "%s: finish it, or open an issue", mark))
				}
			}
		}
		for text, pos := range s.strings() {
			if mark := unfinished.FindString(text); mark != "" {
				faults = append(faults, h.fault(pos, "%q: finish it, or open an issue", mark))
			}
		}
		for call := range nodes[*ast.CallExpr](s.ast) {
			if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "panic" || len(call.Args) != 1 {
				continue
			}
			if _, ok := call.Args[0].(*ast.BasicLit); ok {
				faults = append(faults, h.fault(call.Pos(), "panic: return an error"))
			}
		}
	}
	return faults
}

// honestTests: a test that sleeps is slow or flaky, one that skips proves nothing. Inside a synctest bubble sleeping
// costs nothing and is exact, so files that use one may.
func honestTests(h *house) []string {
	var faults []string
	for _, s := range h.files {
		if !s.test {
			continue
		}
		bubble := false
		s.imports(func(_ *ast.ImportSpec, importPath string) { bubble = bubble || importPath == "testing/synctest" })
		s.uses("time", func(selector *ast.SelectorExpr) {
			if selector.Sel.Name == "Sleep" && !bubble {
				faults = append(faults, h.fault(selector.Pos(), "time.Sleep: wait for the event, or use testing/synctest"))
			}
		})
		for call := range nodes[*ast.CallExpr](s.ast) {
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, f.Sel.Name) {
				continue
			}
			if t, ok := f.X.(*ast.Ident); ok && slices.Contains([]string{"t", "b", "tb", "f"}, t.Name) {
				faults = append(faults, h.fault(call.Pos(), "%s.%s: make the test bring what it needs", t.Name, f.Sel.Name))
			}
		}
	}
	return faults
}
