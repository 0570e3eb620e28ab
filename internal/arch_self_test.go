package internal_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// architecture is the ARCHITECTURE.md of the made-up trees below.
const architecture = "# House\n\n```arrows\n" +
	"apiconn      →                    (nothing of ours)\n" +
	"store seal   →  apiconn\n" +
	"manage       →  apiconn seal store\n" +
	"edge/graph   →  manage\n" +
	"conntest     →  apiconn store\n" +
	"conntest/kit →                    (nothing of ours)\n" +
	"app          →  edge/graph manage\n" +
	"cmd/patchbay →  app\n" +
	"```\n"

// sample is a made-up tree on which a law finds faults, or none: the place of each fault and a part of its text.
type sample struct {
	law   string
	name  string
	files map[string]string
	want  []string
}

var samples = []sample{
	{law: "imports follow the arrows", name: "an arrow that is there", files: map[string]string{
		"internal/manage/connector.go": `package manage; import _ "github.com/patchbay/patchbay/internal/store"`,
	}},
	{law: "imports follow the arrows", name: "an arrow that is not", files: map[string]string{
		"internal/store/connector.go": `package store; import _ "github.com/patchbay/patchbay/internal/manage"`,
	}, want: []string{"internal/store/connector.go:1: the arrow store → manage"}},
	{law: "imports follow the arrows", name: "an edge reaches past its operation", files: map[string]string{
		"internal/edge/graph/connector.go": `package graph; import _ "github.com/patchbay/patchbay/internal/store"`,
	}, want: []string{"internal/edge/graph/connector.go:1: the arrow edge/graph → store"}},
	{law: "imports follow the arrows", name: "a test uses the real thing", files: map[string]string{
		"internal/edge/graph/connector_test.go": `package graph_test; import (_ "github.com/patchbay/patchbay/internal/store"; _ "github.com/patchbay/patchbay/internal/conntest"; _ "github.com/patchbay/patchbay/internal/edge/graph")`,
	}},
	{law: "imports follow the arrows", name: "a test kit of its own", files: map[string]string{
		"internal/store/store_test.go":    `package store; import _ "github.com/patchbay/patchbay/internal/conntest/kit"`,
		"internal/store/store.go":         `package store; import _ "github.com/patchbay/patchbay/internal/conntest/kit"`,
		"internal/conntest/kit/kit.go":    `package kit; import _ "github.com/patchbay/patchbay/internal/store"`,
		"internal/conntest/kit/a_test.go": `package kit; import _ "github.com/patchbay/patchbay/internal/store"`,
	}, want: []string{"internal/conntest/kit/kit.go:1: the arrow conntest/kit → store", "internal/store/store.go:1: the arrow store → conntest/kit"}},
	{law: "imports follow the arrows", name: "a test starts the whole program", files: map[string]string{
		"internal/manage/connector_test.go": `package manage_test; import _ "github.com/patchbay/patchbay/internal/app"`,
	}, want: []string{"internal/manage/connector_test.go:1: the arrow manage → app"}},
	{law: "imports follow the arrows", name: "the program links the test kit", files: map[string]string{
		"internal/manage/connector.go": `package manage; import _ "github.com/patchbay/patchbay/internal/conntest"`,
	}, want: []string{"internal/manage/connector.go:1: the arrow manage → conntest"}},
	{law: "imports follow the arrows", name: "a room without a row", files: map[string]string{
		"internal/attic/attic.go": `package attic`,
		"internal/attic/trunk.go": `package attic`,
	}, want: []string{"internal/attic/attic.go:1: the room attic has no row"}},

	{law: "the arrows have no cycle", name: "as they are"},
	{law: "the arrows have no cycle", name: "a circle of three", files: map[string]string{
		"ARCHITECTURE.md": "\n```arrows\na → b\nb → c\nc → a\nd → a\n```\n",
	}, want: []string{"ARCHITECTURE.md: the arrows go round: a → b → c → a"}},

	{law: "conformance suites go by the wire only", name: "a look inside", files: map[string]string{
		"conformance/msgraph-sdk-go/life_test.go": `package conformance; import _ "github.com/patchbay/patchbay/internal/store"`,
		"conformance/msgraph-sdk-go/kit.go":       `package conformance; import _ "github.com/microsoftgraph/msgraph-sdk-go"`,
	}, want: []string{"conformance/msgraph-sdk-go/life_test.go:1: a conformance suite imports"}},

	{law: "the environment is read in cmd and config only", name: "under another name", files: map[string]string{
		"internal/manage/a.go":  "package manage; import system \"os\"\nvar a = system.Getenv(\"A\")",
		"internal/config/a.go":  "package config; import \"os\"\nvar a = os.Getenv(\"A\")",
		"cmd/patchbay/a.go":     "package main; import \"os\"\nvar a, _ = os.LookupEnv(\"A\")",
		"internal/app/a.go":     "package app; import \"os\"\nvar a = os.Environ()",
		"internal/app/b.go":     "package app; import \"os\"\nvar b = os.Args",
		"internal/a/a_test.go":  "package a; import \"os\"\nvar a = os.Getenv(\"A\")",
		"internal/seal/name.go": "package seal; type fake struct{}\nfunc (fake) Getenv() {}",
	}, want: []string{"internal/app/a.go:2: os.Environ", "internal/manage/a.go:2: os.Getenv"}},

	{law: "SQL lives in store only", name: "drivers and statements", files: map[string]string{
		"internal/store/a.go":        "package store; import _ \"database/sql\"\nconst q = `SELECT 1`",
		"internal/conntest/a.go":     "package conntest; import _ \"modernc.org/sqlite\"",
		"internal/conntest/kit/a.go": "package kit; import _ \"github.com/jackc/pgx/v5\"\nconst q = `DELETE FROM a`",
		"internal/manage/a.go":       "package manage; import _ \"database/sql\"",
		"internal/app/a.go":          "package app\nimport _ \"modernc.org/sqlite/lib\"\nconst q = `\n  DELETE FROM connectors`",
		"internal/signup/a.go":       "package signup\nconst message = `SELECT is a word.`\nconst other = `Select a user flow.`\nconst third = `UPDATE it SET`",
	}, want: []string{
		"internal/app/a.go:2: modernc.org/sqlite/lib", "internal/app/a.go:3: an SQL statement",
		"internal/manage/a.go:1: database/sql", "internal/signup/a.go:2: an SQL statement",
	}},

	{law: "HTTP lives at the edges and in clients", name: "statuses and imports", files: map[string]string{
		"internal/edge/graph/errors.go": "package graph; import \"net/http\"\nvar s = http.StatusNotFound",
		"internal/app/health.go":        "package app; import \"net/http\"\nvar s = http.StatusOK",
		"internal/signup/decide.go":     "package signup; import \"net/http\"\nvar s = http.StatusBadRequest",
		"internal/auth/jwks.go":         "package auth; import \"net/http\"\nvar s = http.StatusOK\nvar n = http.StatusForbidden",
		"internal/credential/basic.go":  "package credential; import \"net/http\"\nvar s = http.StatusUnauthorized",
		"internal/manage/connector.go":  "package manage; import _ \"net/http\"",
	}, want: []string{
		"internal/auth/jwks.go:3: http.StatusForbidden in auth", "internal/credential/basic.go:2: http.StatusUnauthorized in credential",
		"internal/manage/connector.go:1: manage knows no HTTP",
	}},

	{law: "Graph and Entra codes live at the edges", name: "in a message", files: map[string]string{
		"internal/manage/a.go":         "package manage\nconst m = \"AADSTS70011: the scope is wrong\"",
		"internal/credential/a.go":     "package credential\n// AADB2C90213 is the code of this reason.\nconst m = \"The password is wrong.\"",
		"internal/edge/authority/a.go": "package authority\nconst m = \"AADSTS70011\"",
	}, want: []string{"internal/manage/a.go:2: the code AADSTS7 outside the edges"}},

	{law: "manage seals and never opens, signup opens and never seals", name: "both ways", files: map[string]string{
		"internal/manage/connector.go": "package manage; import \"github.com/patchbay/patchbay/internal/seal\"\ntype s struct { a seal.Sealer\nb seal.Opener }",
		"internal/manage/rotate.go":    "package manage; import \"github.com/patchbay/patchbay/internal/seal\"\nfunc rotate(k *seal.Keys) { k.Opener() }",
		"internal/manage/sneak.go":     "package manage\nfunc sneak(k keys) { k.Opener() }",
		"internal/signup/run.go":       "package signup; import \"github.com/patchbay/patchbay/internal/seal\"\ntype s struct { a seal.Sealer\nb seal.Opener }",
		"internal/app/app.go":          "package app; import \"github.com/patchbay/patchbay/internal/seal\"\ntype s struct { a seal.Sealer\nb seal.Opener }",
	}, want: []string{
		"internal/manage/connector.go:3: manage.Opener", "internal/manage/sneak.go:2: manage.Opener", "internal/signup/run.go:2: signup.Sealer",
	}},

	{law: "test kits stay out of the program", name: "httptest in the program", files: map[string]string{
		"internal/app/a.go":          `package app; import _ "net/http/httptest"`,
		"internal/conntest/a.go":     `package conntest; import _ "testing"`,
		"internal/conntest/kit/a.go": `package kit; import _ "testing"`,
		"internal/store/a_test.go":   `package store; import _ "testing"`,
	}, want: []string{`internal/app/a.go:1: "net/http/httptest" is for tests`}},

	{law: "no init, no package state", name: "what a variable may be", files: map[string]string{
		"internal/app/table.go":    "package app; import \"errors\"\nvar errGone = errors.New(\"gone\")\nvar steps = []string{\"a\"}\nvar version = \"dev\"\nvar gone = &fault{}",
		"internal/app/embedded.go": "package app; import _ \"embed\"\n\n//go:embed a.txt\nvar text string\n\nvar (\n\t//go:embed b.txt\n\tother string\n)",
		"cmd/patchbay/version.go":  "package main\n// stamp is set by -ldflags \"-X main.stamp=v1\".\nvar stamp string\n// other is not.\nvar other string",
		"internal/app/state.go":    "package app; import \"sync\"\nvar count int\nvar cache = make(map[string]int)\nvar pool = &sync.Pool{}\nfunc init() {}\nfunc (fault) init() {}",
	}, want: []string{
		"internal/app/state.go:2: the package variable count", "internal/app/state.go:3: the package variable cache",
		"internal/app/state.go:4: the package variable pool", "internal/app/state.go:5: init runs",
		"cmd/patchbay/version.go:5: the package variable other",
	}},

	{law: "files and functions stay readable", name: "limits", files: map[string]string{
		"internal/app/full.go":      "package app\n" + strings.Repeat("// a line\n", maxFileLines-1),
		"internal/app/over.go":      "package app\n" + strings.Repeat("// a line\n", maxFileLines),
		"internal/app/over_test.go": "package app\n" + strings.Repeat("// a line\n", maxFileLines),
		"internal/app/made.go":      "// Code generated by a tool. DO NOT EDIT.\n\npackage app\n" + strings.Repeat("// a line\n", maxFileLines),
		"internal/app/function.go": "package app\nfunc full() {\n" + strings.Repeat("\tcall()\n", maxFunctionLines-2) + "}\n" +
			"func over() {\n" + strings.Repeat("\tcall()\n", maxFunctionLines-1) + "}\n",
		"internal/app/function_test.go": "package app\nfunc over() {\n" + strings.Repeat("\tcall()\n", maxFunctionLines-1) + "}\n",
	}, want: []string{
		"internal/app/function.go:82: over has 81 lines", "internal/app/over.go:1: 451 lines", "internal/app/over_test.go:1: 451 lines",
	}},

	{law: "package names say what is inside", name: "empty and unlike", files: map[string]string{
		"internal/store/store.go":      "package store",
		"internal/store/store_test.go": "package store_test",
		"internal/util/strings.go":     "package util",
		"internal/manage/types/a.go":   "package kinds",
		"internal/seal/seal.go":        "package sealing",
		"cmd/patchbay/main.go":         "package main",
	}, want: []string{
		"internal/manage/types/a.go:1: the name manage/types", "internal/seal/seal.go:1: package sealing stands in the folder seal",
		"internal/util/strings.go:1: the name util",
	}},

	{law: "every package says what it is", name: "none, two, badly begun", files: map[string]string{
		"internal/store/a.go":  "// Package store keeps things.\npackage store",
		"internal/store/b.go":  "package store",
		"internal/seal/a.go":   "package seal",
		"internal/app/a.go":    "// Package app wires.\npackage app",
		"internal/app/b.go":    "// Package app wires again.\npackage app",
		"internal/auth/a.go":   "// This package is auth.\npackage auth",
		"cmd/patchbay/main.go": "// Command patchbay is the program.\npackage main",
	}, want: []string{
		`internal/auth/a.go:1: the package comment begins "Package auth "`, "internal/app/a.go:2: the package app has 2 package comments",
		"internal/seal/a.go:1: the package seal has 0 package comments",
	}},

	{law: "nothing is left unfinished", name: "marks and panics", files: map[string]string{
		"internal/app/a.go":      "package app\n// TO" + "DO: more\nfunc a() { panic(\"no\") }\nfunc b(err error) { panic(err) }\nvar e = \"this is not imple" + "mented\"",
		"internal/app/a_test.go": "package app\n// TO" + "DO: more",
	}, want: []string{"internal/app/a.go:2: TO" + "DO", `internal/app/a.go:5: "not imple` + `mented"`, "internal/app/a.go:3: panic"}},

	{law: "tests neither sleep nor skip", name: "sleep and skip", files: map[string]string{
		"internal/app/a_test.go": "package app; import \"time\"\nfunc a() { time.Sleep(1) }\nfunc b() { t.Skip() }\nvar c = query.Skip(1)",
		"internal/app/b_test.go": "package app; import (\"time\"; \"testing/synctest\")\nfunc a() { time.Sleep(1); synctest.Wait() }",
		"internal/app/c.go":      "package app; import \"time\"\nfunc a() { time.Sleep(1) }",
	}, want: []string{"internal/app/a_test.go:2: time.Sleep", "internal/app/a_test.go:3: t.Skip"}},
}

// TestLawsSeeFaults runs each law on trees made to break it, and on their neighbours that do not.
func TestLawsSeeFaults(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range samples {
		at := slices.IndexFunc(laws, func(l law) bool { return l.name == s.law })
		if at < 0 {
			t.Fatalf("the sample %q names no law: %q", s.name, s.law)
		}
		seen[s.law] = seen[s.law] || len(s.want) > 0
		t.Run(s.law+"/"+s.name, func(t *testing.T) {
			t.Parallel()
			h, err := readHouse(treeOf(s.files))
			if err != nil {
				t.Fatal(err)
			}
			got := laws[at].faults(h)
			matches := cmp.Comparer(func(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) })
			if diff := cmp.Diff(s.want, got, matches); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
	for _, l := range laws {
		if !seen[l.name] {
			t.Errorf("no sample breaks the law %q", l.name)
		}
	}
}

// TestArrowsAreRead covers the block of ARCHITECTURE.md itself: a mistake in it must not quietly allow anything.
func TestArrowsAreRead(t *testing.T) {
	t.Parallel()
	got, err := parseArrows(architecture)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"apiconn", "seal", "store"}, got["manage"]); diff != "" {
		t.Errorf("arrows of manage (-want +got):\n%s", diff)
	}
	if row, known := got["apiconn"]; !known || len(row) != 0 {
		t.Errorf("arrows of apiconn = %q, %t; want an empty row", row, known)
	}
	for document, want := range map[string]string{
		"# House\n":                            "no block",
		"\n```arrows\na → b\n":                 "no block",
		"\n```arrows\na b\n```\n":              "has no arrow",
		"\n```arrows\na → b\nc a → d\n```\n":   "two rows",
		"\n```arrows\na → b\n\nc → d\n```\n\n": "has no arrow",
	} {
		if _, err := parseArrows(document); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseArrows(%q) = %v; want an error with %q", document, err, want)
		}
	}
}

// treeOf makes a file system of files, with the made-up ARCHITECTURE.md unless they bring one.
func treeOf(files map[string]string) fstest.MapFS {
	tree := fstest.MapFS{"ARCHITECTURE.md": {Data: []byte(architecture)}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		tree[name] = &fstest.MapFile{Data: []byte(files[name])}
	}
	return tree
}
