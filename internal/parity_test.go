package internal_test

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Where the proofs of docs/parity.md are, from the top of the repository.
const (
	parityPage    = "docs/parity.md"
	wireScripts   = "internal/edge/graph/testdata/wire"
	stepScripts   = "internal/edge/steps/testdata/wire"
	shellScripts  = "cmd/patchbay/testdata/script"
	parityHeading = "contract | behaviour | state | proof"
)

// TestParity holds docs/parity.md to what it says of itself: every row has one of the three states, every proof exists,
// everything that must have a row has one, and every wire script is somebody's proof.
func TestParity(t *testing.T) {
	t.Parallel()
	faults, err := parityFaults(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

// parityRow is one row of the page. All tables have the same four columns.
type parityRow struct {
	line                        int
	id, behaviour, state, proof string
}

func (r parityRow) fault(format string, args ...any) string {
	return fmt.Sprintf("%s:%d: ", parityPage, r.line) + fmt.Sprintf(format, args...)
}

// parityFaults returns a line for whatever is wrong with the page of a tree.
func parityFaults(tree fs.FS) ([]string, error) {
	page, err := fs.ReadFile(tree, parityPage)
	if err != nil {
		return nil, err
	}
	found, err := gatherEvidence(tree)
	if err != nil {
		return nil, err
	}
	rows, faults := parityRows(string(page))
	for _, r := range rows {
		faults = append(faults, found.check(r)...)
	}
	faults = append(faults, missingRows(rows)...)
	return append(faults, found.unnamedScripts()...), nil
}

// parityRows reads the rows of all tables.
func parityRows(page string) (rows []parityRow, faults []string) {
	inTable := 0 // lines of this table so far
	for i, line := range strings.Split(page, "\n") {
		text, isRow := strings.CutPrefix(line, "| ")
		text, closed := strings.CutSuffix(text, " |")
		if !strings.HasPrefix(line, "|") {
			inTable = 0
			continue
		}
		inTable++
		r := parityRow{line: i + 1}
		switch {
		case inTable == 1 && text != parityHeading:
			faults = append(faults, r.fault("a table begins with the heading %q", parityHeading))
		case inTable <= 2:
		default:
			cells := strings.Split(text, " | ")
			if !isRow || !closed || len(cells) != 4 {
				faults = append(faults, r.fault("a row has four cells, with a space on both sides of every bar"))
				continue
			}
			r.id, r.behaviour, r.state, r.proof = cells[0], cells[1], cells[2], cells[3]
			rows = append(rows, r)
		}
	}
	return rows, faults
}

// missingRows names what the page must speak of and does not: each section, contradiction and client of the contract.
func missingRows(rows []parityRow) (faults []string) {
	wanted := strings.Fields("1.1 1.2 1.3 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 3.1 3.2 3.3 3.4 3.5 3.6 3.7 3.8 4.1 4.2 4.3 4.4 4.5 5.1 5.2 5.3 5.4 5.5 5.6 5.7 5.8 6 8.1")
	for n := range 31 {
		wanted = append(wanted, fmt.Sprintf("8 #%d", n+1))
	}
	for n := range 14 {
		wanted = append(wanted, fmt.Sprintf("clients #%d", n+1))
	}
	for _, id := range wanted {
		if !slices.ContainsFunc(rows, func(r parityRow) bool { return r.id == id }) {
			faults = append(faults, parityPage+": there is no row of "+id)
		}
	}
	for _, client := range []string{"C#", "Graph CLI", "Go", "Java", "JavaScript", "PHP", "PowerShell", "Python"} {
		if !slices.ContainsFunc(rows, func(r parityRow) bool { return r.id == "founding page" && strings.HasPrefix(r.behaviour, client+":") }) {
			faults = append(faults, parityPage+": the founding page's client "+client+" has no row")
		}
	}
	return faults
}

// evidence is everything that can be a proof.
type evidence struct {
	tree     fs.FS
	tests    map[string]bool            // room.TestName
	literals map[string]map[string]bool // by room: the strings in its tests, among them the names of subtests
	checks   map[string]string          // by folder of conformance: the text of its checks
	scripts  map[string]bool            // scripts of scriptFolders, and whether a row names them
}

// scriptFolders are where the scripts are that some row must name, by how a proof begins.
var scriptFolders = map[string]string{"wire/": wireScripts, "steps/": stepScripts}

func gatherEvidence(tree fs.FS) (*evidence, error) {
	h, err := readHouse(tree)
	if err != nil {
		return nil, err
	}
	e := &evidence{tree: tree, tests: map[string]bool{}, literals: map[string]map[string]bool{}, checks: map[string]string{}, scripts: map[string]bool{}}
	for _, s := range h.files {
		if !s.test || s.outside() {
			continue
		}
		for _, decl := range s.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				e.tests[s.room+"."+f.Name.Name] = true
			}
		}
		if e.literals[s.room] == nil {
			e.literals[s.room] = map[string]bool{}
		}
		for text := range s.strings() {
			e.literals[s.room][text] = true
		}
	}
	if err := e.readChecks(); err != nil {
		return nil, err
	}
	for prefix, folder := range scriptFolders {
		names, err := fs.Glob(tree, folder+"/*.txtar")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			e.scripts[prefix+strings.TrimSuffix(path.Base(name), ".txtar")] = false
		}
	}
	return e, nil
}

// checkFiles are how the names of files with checks of real clients end.
var checkFiles = []string{"_test.go", ".test.mjs", ".py", ".java"}

// readChecks reads the text of every suite of real clients.
func (e *evidence) readChecks() error {
	return fs.WalkDir(e.tree, "conformance", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == "node_modules" || d.Name() == ".venv" {
			return fs.SkipDir
		}
		if d.IsDir() || !slices.ContainsFunc(checkFiles, func(ending string) bool { return strings.HasSuffix(name, ending) }) {
			return nil
		}
		text, err := fs.ReadFile(e.tree, name)
		e.checks[strings.Split(name, "/")[1]] += string(text)
		return err
	})
}

// codeSpans are the proofs of a row, and what stands between them.
var codeSpans = regexp.MustCompile("`([^`]*)`(, )?")

// check returns what is wrong with a row.
func (e *evidence) check(r parityRow) (faults []string) {
	proofs := codeSpans.FindAllStringSubmatch(r.proof, -1)
	words := codeSpans.ReplaceAllString(r.proof, "")
	switch r.state {
	case "held", "held differently":
		if len(proofs) == 0 && words != "no test" {
			return []string{r.fault("what is %s is proven by a test, or admits %q", r.state, "no test")}
		}
	case "absent":
		if len(proofs) == 0 && words != "–" {
			return []string{r.fault("what is absent has the proof – or a test of the refusal")}
		}
	default:
		return []string{r.fault("the state %q is none of held, held differently, absent", r.state)}
	}
	if (r.state == "held differently") != strings.Contains(r.behaviour, "; here: ") {
		faults = append(faults, r.fault(`a row says "; here: ", how and why, where it is held differently and nowhere else`))
	}
	if len(proofs) > 0 && words != "" {
		faults = append(faults, r.fault("%q among the proofs is not code", words))
	}
	for _, proof := range proofs {
		if missing := e.missing(proof[1]); missing != "" {
			faults = append(faults, r.fault("%s is no proof: %s", proof[1], missing))
		}
	}
	return faults
}

var (
	testProof  = regexp.MustCompile(`^([a-z/]+)\.((?:Test|Fuzz|Benchmark)\w+)(?:/(.+))?$`)
	checkProof = regexp.MustCompile(`^([a-z0-9-]+): (.+)$`)
)

// missing tells what of a proof does not exist; "" if nothing.
func (e *evidence) missing(proof string) string {
	for prefix, folder := range scriptFolders {
		if name, ours := strings.CutPrefix(proof, prefix); ours {
			e.scripts[proof] = true
			return e.noFile(folder + "/" + name + ".txtar")
		}
	}
	if name, isScript := strings.CutPrefix(proof, "script/"); isScript {
		return e.noFile(shellScripts + "/" + name + ".txtar")
	}
	if m := testProof.FindStringSubmatch(proof); m != nil {
		return e.noTest(m[1], m[2], m[3])
	}
	if m := checkProof.FindStringSubmatch(proof); m != nil {
		return e.noCheck(m[1], m[2])
	}
	return "it is neither wire/NAME, steps/NAME, script/NAME, room.TestName nor client: check"
}

func (e *evidence) noFile(name string) string {
	if _, err := fs.Stat(e.tree, name); err != nil {
		return "there is no " + name
	}
	return ""
}

// noTest looks for the function, and for the names of its subtests among the strings of the room's tests.
func (e *evidence) noTest(room, name, subtests string) string {
	if !e.tests[room+"."+name] {
		return "the room " + room + " has no test of that name"
	}
	for subtest := range strings.SplitSeq(subtests, "/") {
		if subtest != "" && !e.literals[room][subtest] {
			return fmt.Sprintf("the tests of %s have no %q", room, subtest)
		}
	}
	return ""
}

// noCheck looks for a title as the suite spells it; an … in it stands for what the suite computes.
func (e *evidence) noCheck(client, title string) string {
	pattern := "[\"`]" + strings.ReplaceAll(regexp.QuoteMeta(title), "…", ".{1,30}") + "[\"`]"
	if !regexp.MustCompile(pattern).MatchString(e.checks[client]) {
		return fmt.Sprintf("the suite %s has no check of that title", client)
	}
	return ""
}

// unnamedScripts are the scripts that hold behaviour of which the page does not speak.
func (e *evidence) unnamedScripts() (faults []string) {
	for name, named := range e.scripts {
		prefix := name[:strings.IndexByte(name, '/')+1]
		if e.noFile(scriptFolders[prefix]+"/"+strings.TrimPrefix(name, prefix)+".txtar") == "" && !named {
			faults = append(faults, fmt.Sprintf("%s: no row names %s; say which behaviour it proves", parityPage, name))
		}
	}
	slices.Sort(faults)
	return faults
}

// TestParitySeesFaults plants one fault into a page at a time.
func TestParitySeesFaults(t *testing.T) {
	t.Parallel()
	for row, want := range map[string]string{
		"| 1.1 | b | held | `store.TestReal/a case` |":               "",
		"| 1.1 | b; here: c | held differently | `store.FuzzReal` |": "",
		"| 1.1 | b | absent | – |":                                   "",
		"| 1.1 | b | held | no test |":                               "",
		"| 1.1 | b | held | `client: a check` |":                     "",
		"| 1.1 | b | held | `client: after … requests` |":            "",
		"| 1.1 | b | held | `script/real` |":                         "",
		"| 1.1 | b | done | `store.TestReal` |":                      `the state "done" is none of`,
		"| 1.1 | b | held | – |":                                     "proven by a test",
		"| 1.1 | b | held |  |":                                      "proven by a test",
		"| 1.1 | b | absent | no test |":                             "has the proof –",
		"| 1.1 | b | held | `store.TestReal` and more |":             "is not code",
		"| 1.1 | b | held | `store.TestMadeUp` |":                    "has no test of that name",
		"| 1.1 | b | held | `edge.TestReal` |":                       "has no test of that name",
		"| 1.1 | b | held | `store.TestReal/made up` |":              `have no "made up"`,
		"| 1.1 | b | held | `store.TestReal`, `store.TestHelp` |":    "has no test of that name",
		"| 1.1 | b | held | `wire/made-up` |":                        "there is no " + wireScripts + "/made-up.txtar",
		"| 1.1 | b | held | `steps/made-up` |":                       "there is no " + stepScripts + "/made-up.txtar",
		"| 1.1 | b | held | `script/made-up` |":                      "there is no " + shellScripts + "/made-up.txtar",
		"| 1.1 | b | held | `client: a check that is made up` |":     "no check of that title",
		"| 1.1 | b | held | `client: check` |":                       "no check of that title",
		"| 1.1 | b | held | `stranger: a check` |":                   "no check of that title",
		"| 1.1 | b | held differently | `store.TestReal` |":          "how and why",
		"| 1.1 | b; here: c | held | `store.TestReal` |":             "how and why",
		"| 1.1 | b | held | `TestReal` |":                            "is neither",
		"| 1.1 | b | held | `store.TestReal` | more |":               "four cells",
		"|1.1|b|held|`store.TestReal`|":                              "four cells",
		"| 1.1 | b | held | `store.TestReal` |\n\n| a | b |\n|---|":  "begins with the heading",
	} {
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			faults, err := parityFaults(parityTree("| " + parityHeading + " |\n|---|---|---|---|\n| 2.1 | b | held | `wire/real` |\n" + row + "\n"))
			if err != nil {
				t.Fatal(err)
			}
			faults = slices.DeleteFunc(faults, func(f string) bool {
				return strings.Contains(f, "there is no row of") || strings.Contains(f, "has no row")
			})
			if want == "" && len(faults) > 0 || want != "" && (len(faults) != 1 || !strings.Contains(faults[0], want)) {
				t.Errorf("faults %q, want one with %q", faults, want)
			}
		})
	}
	faults, err := parityFaults(parityTree(""))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(faults, "\n")
	for _, want := range []string{"no row names wire/real", "there is no row of 8 #31", "there is no row of clients #14", "client PowerShell has no row"} {
		if !strings.Contains(all, want) {
			t.Errorf("of an empty page it is not said that %q", want)
		}
	}
}

func parityTree(page string) fs.FS {
	return treeOf(map[string]string{
		parityPage:                             page,
		wireScripts + "/real.txtar":            "",
		shellScripts + "/real.txtar":           "",
		"internal/store/real_test.go":          "package store\nfunc TestReal() { run(\"a case\") }\nfunc FuzzReal() {}\n",
		"conformance/client/checks/a.test.mjs": "it(\"a check\"); it(`after ${n} requests`);",
	})
}
