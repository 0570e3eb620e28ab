package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// variable is one line of an environment file.
type variable struct{ name, value string }

// plainText are the characters that neither a POSIX shell nor a simpler reader of KEY=VALUE lines gives a meaning.
const plainText = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,~"

// quote returns value as one word of a POSIX shell. Plain values stay as they are, so that readers that know no quotes,
// such as docker's --env-file, understand them too.
func quote(value string) string {
	if value != "" && strings.Trim(value, plainText) == "" && value[0] != '~' {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// unquote is the inverse of quote.
func unquote(word string) string {
	if inner, ok := strings.CutPrefix(word, "'"); ok && strings.HasSuffix(inner, "'") {
		return strings.ReplaceAll(strings.TrimSuffix(inner, "'"), `'\''`, "'")
	}
	return word
}

// writeEnvironment writes the variables as KEY=VALUE lines with mode 0600.
func writeEnvironment(path string, variables []variable) error {
	var b strings.Builder
	for _, v := range variables {
		fmt.Fprintf(&b, "%s=%s\n", v.name, quote(v.value))
	}
	return writeFile(path, []byte(b.String()), modePrivateFile)
}

// readEnvironment returns the variables of a file that writeEnvironment wrote; none if there is no file.
func readEnvironment(path string) (map[string]string, error) {
	out := map[string]string{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the environment file: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if name, word, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[name] = unquote(word)
		}
	}
	return out, nil
}
