// Package internal_test holds the house to its laws: which room may import which, and what may stand where. It reads
// the source text only, so it needs nothing to compile, and it must not know what any room does.
//
// The arrows are read from ARCHITECTURE.md, which is therefore never out of date. A law is a function from the tree to
// its faults (laws_test.go); the same functions run on small made-up trees (arch_self_test.go), so that each is seen to
// fail.
package internal_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// modulePath is the import path of the program. A package of ours is named by its room: the rest of its import path,
// without internal/.
const modulePath = "github.com/patchbay/patchbay"

// TestArchitecture applies every law to the repository. A fault says where it is and what to do.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	h, err := readHouse(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.files) == 0 {
		t.Fatal("no Go files were found: the test looks in the wrong place")
	}
	for _, l := range laws {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			for _, fault := range l.faults(h) {
				t.Error(fault)
			}
		})
	}
}

// house is the source text of the program: every Go file below internal/, cmd/ and conformance/, and the arrows that
// ARCHITECTURE.md allows.
type house struct {
	fset   *token.FileSet
	files  []*source
	arrows map[string][]string // room → the rooms that it may import
}

// source is one parsed Go file.
type source struct {
	room  string // "store", "edge/graph", "cmd/patchbay", "conformance/…"; "" for internal/ itself
	name  string // path from the top of the repository
	test  bool
	lines int
	ast   *ast.File
}

// readHouse parses the tree. Folders that Go itself ignores (testdata, names that begin with a dot or an underscore)
// and node_modules are left out.
func readHouse(tree fs.FS) (*house, error) {
	h := &house{fset: token.NewFileSet()}
	document, err := fs.ReadFile(tree, "ARCHITECTURE.md")
	if err != nil {
		return nil, fmt.Errorf("read the arrows: %w", err)
	}
	if h.arrows, err = parseArrows(string(document)); err != nil {
		return nil, fmt.Errorf("ARCHITECTURE.md: %w", err)
	}
	for _, top := range []string{"internal", "cmd", "conformance"} {
		if _, err := fs.Stat(tree, top); err != nil {
			continue
		}
		err := fs.WalkDir(tree, top, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			base := d.Name()
			if d.IsDir() && (base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return fs.SkipDir
			}
			if d.IsDir() || path.Ext(name) != ".go" {
				return nil
			}
			return h.add(tree, name)
		})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", top, err)
		}
	}
	return h, nil
}

// add parses one file into the house.
func (h *house) add(tree fs.FS, name string) error {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(h.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	h.files = append(h.files, &source{
		room:  roomOf(path.Dir(name)),
		name:  name,
		test:  strings.HasSuffix(name, "_test.go"),
		lines: bytes.Count(text, []byte("\n")),
		ast:   parsed,
	})
	return nil
}

// roomOf names the room of a folder given from the top of the repository.
func roomOf(dir string) string {
	return strings.TrimPrefix(strings.TrimPrefix(dir, "internal"), "/")
}

// parseArrows reads the block fenced as "```arrows": one row a line, "rooms → rooms", remarks in parentheses.
func parseArrows(document string) (map[string][]string, error) {
	_, rest, found := strings.Cut(document, "\n```arrows\n")
	block, _, closed := strings.Cut(rest, "\n```")
	if !found || !closed {
		return nil, fmt.Errorf("there is no block fenced as ```arrows")
	}
	arrows := map[string][]string{}
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "(")
		from, to, arrow := strings.Cut(line, "→")
		if !arrow {
			return nil, fmt.Errorf("the row %q has no arrow", strings.TrimSpace(line))
		}
		for _, room := range strings.Fields(from) {
			if _, twice := arrows[room]; twice {
				return nil, fmt.Errorf("the room %s has two rows", room)
			}
			arrows[room] = strings.Fields(to)
		}
	}
	return arrows, nil
}

// production returns the files that end up in the program; generated ones are nobody's prose but obey all the same.
func (h *house) production() []*source {
	return slices.DeleteFunc(slices.Clone(h.files), func(s *source) bool { return s.test || s.outside() })
}

// outside tells whether the file belongs to the conformance suites, which are modules of their own.
func (s *source) outside() bool { return within(s.room, "conformance") }

// within tells whether room is top or stands below it.
func within(room, top string) bool { return room == top || strings.HasPrefix(room, top+"/") }

// fault formats one finding at pos.
func (h *house) fault(pos token.Pos, format string, args ...any) string {
	p := h.fset.Position(pos)
	return fmt.Sprintf("%s:%d: ", p.Filename, p.Line) + fmt.Sprintf(format, args...)
}

// imports calls yield for each import of s with its path.
func (s *source) imports(yield func(spec *ast.ImportSpec, importPath string)) {
	for _, spec := range s.ast.Imports {
		if importPath, err := strconv.Unquote(spec.Path.Value); err == nil {
			yield(spec, importPath)
		}
	}
}

// ours turns an import path into a room; false for packages of others.
func ours(importPath string) (room string, ok bool) {
	rest, ok := strings.CutPrefix(importPath, modulePath+"/")
	if !ok {
		return "", importPath == modulePath
	}
	return roomOf(rest), true
}

// uses calls yield for each mention of an exported name of the package importPath in s, under whatever name it was
// imported.
func (s *source) uses(importPath string, yield func(selector *ast.SelectorExpr)) {
	local := ""
	s.imports(func(spec *ast.ImportSpec, p string) {
		switch {
		case p != importPath:
		case spec.Name != nil:
			local = spec.Name.Name
		default:
			local = path.Base(p)
		}
	})
	if local == "" {
		return
	}
	for selector := range nodes[*ast.SelectorExpr](s.ast) {
		if id, ok := selector.X.(*ast.Ident); ok && id.Name == local {
			yield(selector)
		}
	}
}

// nodes ranges over the nodes of type N below root, in the order of the text.
func nodes[N ast.Node](root ast.Node) func(yield func(N) bool) {
	return func(yield func(N) bool) {
		for n := range ast.Preorder(root) {
			if n, ok := n.(N); ok && !yield(n) {
				return
			}
		}
	}
}
