package app

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// awkward are values that a careless quoting gets wrong.
var awkward = []string{"plain-._:/@", "", "two words", "it's", "'quoted'", "$HOME `id` \\ \" ! #", "~/x", "a=b", "*", "ü"}

func TestEnvironmentFileSurvivesTheShellAndUs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dev.env")
	var vars []variable
	want := map[string]string{}
	script := `set -a; . "$0"; set +a; `
	for i, value := range awkward {
		name := "V" + string(rune('A'+i))
		vars = append(vars, variable{name, value})
		want[name] = value
		script += `printf '%s\n' "$` + name + `"; `
	}
	if err := writeEnvironment(path, vars); err != nil {
		t.Fatal(err)
	}
	wantMode(t, path, modePrivateFile)
	got, err := readEnvironment(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back by us: %s", diff)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script, path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Join(awkward, "\n")+"\n", string(out)); diff != "" {
		t.Errorf("read by the shell: %s", diff)
	}
}

func TestEnvironmentFileMayBeMissing(t *testing.T) {
	t.Parallel()
	got, err := readEnvironment(filepath.Join(t.TempDir(), "dev.env"))
	if err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}
