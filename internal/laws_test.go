package internal_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// law is one rule of the house; faults returns a line for each place that breaks it.
type law struct {
	name   string
	faults func(*house) []string
}

// laws are those of ARCHITECTURE.md that can be read off the source text.
var laws = []law{
	{"imports follow the arrows", followArrows},
	{"the arrows have no cycle", arrowsWithoutCycle},
	{"conformance suites go by the wire only", conformanceOutside},
	{"the environment is read in cmd and config only", environmentInConfig},
	{"SQL lives in store only", sqlInStore},
	{"HTTP lives at the edges and in clients", httpAtTheEdge},
	{"Graph and Entra codes live at the edges", codesAtTheEdge},
	{"manage seals and never opens, signup opens and never seals", sealOneWay},
	{"test kits stay out of the program", testKitsInTests},
	{"no init, no package state", noPackageState},
	{"files and functions stay readable", sizes},
	{"package names say what is inside", packageNames},
	{"every package says what it is", packageComments},
	{"nothing is left unfinished", finished},
	{"tests neither sleep nor skip", honestTests},
}

const (
	maxFileLines     = 450
	maxFunctionLines = 80
)

// followArrows: a production file imports what its room's row names. A test may also import every room below the edges
// and conntest, because tests use the real thing; it may not reach for another edge, app or cmd.
func followArrows(h *house) []string {
	var faults []string
	unknown := map[string]bool{}
	for _, s := range h.files {
		if s.room == "" || s.outside() {
			continue
		}
		row, known := h.arrows[s.room]
		if !known {
			if !unknown[s.room] {
				faults = append(faults, h.fault(s.ast.Package, "the room %s has no row among the arrows of ARCHITECTURE.md; give it one", s.room))
			}
			unknown[s.room] = true
			continue
		}
		s.imports(func(spec *ast.ImportSpec, importPath string) {
			to, mine := ours(importPath)
			if !mine || to == s.room && s.test || slices.Contains(row, to) {
				return
			}
			if s.test && belowTheEdges(to) {
				return
			}
			faults = append(faults, h.fault(spec.Pos(), "the arrow %s → %s is not in ARCHITECTURE.md; put the code in a room that has it, or change the arrows and say why in an ADR", s.room, to))
		})
	}
	return faults
}

// belowTheEdges tells whether a room is one that any test may use.
func belowTheEdges(room string) bool {
	return room != "app" && !within(room, "edge") && !within(room, "cmd")
}

// arrowsWithoutCycle: following arrows never leads back. Go refuses cycles of imports; this refuses them in the plan.
func arrowsWithoutCycle(h *house) []string {
	var faults []string
	done := map[string]bool{}
	var walk func(room string, trail []string)
	walk = func(room string, trail []string) {
		if at := slices.Index(trail, room); at >= 0 {
			faults = append(faults, "ARCHITECTURE.md: the arrows go round: "+strings.Join(append(trail[at:], room), " → "))
			return
		}
		if done[room] {
			return
		}
		for _, next := range h.arrows[room] {
			walk(next, append(slices.Clip(trail), room))
		}
		done[room] = true
	}
	for _, room := range slices.Sorted(maps.Keys(h.arrows)) {
		walk(room, nil)
	}
	return faults
}

// conformanceOutside: the conformance suites prove the wire, so they must not see the inside of the program.
func conformanceOutside(h *house) []string {
	var faults []string
	for _, s := range h.files {
		if !s.outside() {
			continue
		}
		s.imports(func(spec *ast.ImportSpec, importPath string) {
			if to, mine := ours(importPath); mine && !within(to, "conformance") {
				faults = append(faults, h.fault(spec.Pos(), "a conformance suite imports %s; it may talk to a started binary only", importPath))
			}
		})
	}
	return faults
}

// environmentInConfig: settings have one home, so nothing else reads the environment.
func environmentInConfig(h *house) []string {
	var faults []string
	readers := []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}
	for _, s := range h.production() {
		if s.room == "config" || s.room == "conntest" || within(s.room, "cmd") {
			continue
		}
		for _, p := range []string{"os", "syscall"} {
			s.uses(p, func(selector *ast.SelectorExpr) {
				if slices.Contains(readers, selector.Sel.Name) {
					faults = append(faults, h.fault(selector.Pos(), "%s.%s: take the value as an argument; only cmd and config read the environment", p, selector.Sel.Name))
				}
			})
		}
	}
	return faults
}

// sqlStatement matches the beginning of a statement. Keywords in capitals, as the store writes them.
var sqlStatement = regexp.MustCompile(`^\s*(SELECT\s|WITH\s+\w+\s+AS\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|(CREATE|ALTER|DROP)\s+(TABLE|INDEX|TRIGGER)\s|PRAGMA\s)`)

// sqlInStore: neither drivers nor statements outside the store; the test kit may look into a database.
func sqlInStore(h *house) []string {
	var faults []string
	for _, s := range h.production() {
		if s.room == "store" || within(s.room, "conntest") {
			continue
		}
		s.imports(func(spec *ast.ImportSpec, importPath string) {
			for _, driver := range []string{"database/sql", "modernc.org/sqlite", "github.com/jackc/pgx", "github.com/pressly/goose"} {
				if within(importPath, driver) {
					faults = append(faults, h.fault(spec.Pos(), "%s is imported outside the store; add a method there", importPath))
				}
			}
		})
		for text, pos := range s.strings() {
			if sqlStatement.MatchString(text) {
				faults = append(faults, h.fault(pos, "an SQL statement outside the store; add a method there"))
			}
		}
	}
	return faults
}

// strings ranges over the string literals of s.
func (s *source) strings() func(yield func(string, token.Pos) bool) {
	return func(yield func(string, token.Pos) bool) {
		for literal := range nodes[*ast.BasicLit](s.ast) {
			if literal.Kind != token.STRING {
				continue
			}
			if text, err := strconv.Unquote(literal.Value); err == nil && !yield(text, literal.Pos()) {
				return
			}
		}
	}
}

// statuses are the rooms that may mention HTTP statuses, with those they may; nil: all. Edges and app write them, and target,
// which plays somebody else's endpoint; auth, client, custody, lint, outbound and signup read the answers of others; cmd probes the
// health listener.
var statuses = map[string][]string{
	"app": nil, "client": nil, "conntest": nil, "lint": nil, "outbound": nil, "signup": nil, "target": nil,
	"auth":         {"StatusOK", "StatusNotModified"},
	"cmd/patchbay": {"StatusOK"},
	"custody":      {"StatusUnauthorized", "StatusForbidden", "StatusTooManyRequests", "StatusBadRequest", "StatusInternalServerError"},
}

// withoutHTTP are the rooms to which a request or an answer means nothing.
var withoutHTTP = []string{"apiconn", "odata", "seal", "config", "guard", "store", "manage"}

// httpAtTheEdge: what a failure is called in HTTP is decided in one place, the edge's map from Kind to status.
func httpAtTheEdge(h *house) []string {
	var faults []string
	for _, s := range h.production() {
		s.imports(func(spec *ast.ImportSpec, importPath string) {
			if within(importPath, "net/http") && slices.Contains(withoutHTTP, s.room) {
				faults = append(faults, h.fault(spec.Pos(), "%s knows no HTTP; speak in values and in apiconn.Error", s.room))
			}
		})
		allowed, listed := statuses[s.room]
		if within(s.room, "edge") || listed && allowed == nil {
			continue
		}
		s.uses("net/http", func(selector *ast.SelectorExpr) {
			name := selector.Sel.Name
			if strings.HasPrefix(name, "Status") && name != "StatusText" && !slices.Contains(allowed, name) {
				faults = append(faults, h.fault(selector.Pos(), "http.%s in %s: return an apiconn.Error of a Kind and let the edge choose the status", name, s.room))
			}
		})
	}
	return faults
}

// protocolCode matches the error codes of Graph, Azure AD B2C and Entra.
var protocolCode = regexp.MustCompile(`AADSTS\d|AADB2C|Request_(BadRequest|ResourceNotFound)|Authorization_(RequestDenied|IdentityNotFound)|InvalidAuthenticationToken`)

// codesAtTheEdge: a code of a protocol is a rendering of a Kind and a Reason.
func codesAtTheEdge(h *house) []string {
	var faults []string
	for _, s := range h.production() {
		if within(s.room, "edge") || s.room == "conntest" {
			continue
		}
		for text, pos := range s.strings() {
			if code := protocolCode.FindString(text); code != "" {
				faults = append(faults, h.fault(pos, "the code %s outside the edges; use an apiconn.Reason and map it there", code))
			}
		}
	}
	return faults
}

// sealOneWay: what manage stores it cannot read back, and what signup reads it cannot replace. The one exception is
// the local command that rotates keys, manage/rotate.go.
func sealOneWay(h *house) []string {
	var faults []string
	forbidden := map[string][]string{
		"manage": {"Opener", "Keys", "MasterKey"},
		"signup": {"Sealer", "Keys", "MasterKey"},
	}
	for _, s := range h.production() {
		if s.name == "internal/manage/rotate.go" {
			continue
		}
		for selector := range nodes[*ast.SelectorExpr](s.ast) {
			if id, ok := selector.X.(*ast.Ident); ok && id.Name == "maps" {
				continue // maps.Keys opens nothing
			}
			if slices.Contains(forbidden[s.room], selector.Sel.Name) {
				faults = append(faults, h.fault(selector.Pos(), "%s.%s: manage seals and never opens, signup opens and never seals", s.room, selector.Sel.Name))
			}
		}
	}
	return faults
}

// testKitsInTests: only tests and the kit itself link testing code.
func testKitsInTests(h *house) []string {
	var faults []string
	for _, s := range h.production() {
		if within(s.room, "conntest") {
			continue
		}
		s.imports(func(spec *ast.ImportSpec, importPath string) {
			for _, kit := range []string{"testing", "net/http/httptest", "github.com/google/go-cmp", "pgregory.net/rapid", "go.uber.org/goleak"} {
				if within(importPath, kit) {
					faults = append(faults, h.fault(spec.Pos(), "%s is for tests", fmt.Sprintf("%q", importPath)))
				}
			}
		})
	}
	return faults
}
