package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// flag is the setting's command-line flag, without the dashes.
func (s setting) flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.key) }

// variable is the setting's environment variable.
func (s setting) variable() string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// spelled names the setting as the user wrote it.
func (s setting) spelled(source string) string {
	switch source {
	case "flag":
		return "--" + s.flag()
	case "environment":
		return s.variable()
	default:
		return s.key
	}
}

// AddFlags declares the flags of the settings with these keys; with no key, of all settings that have a flag.
// defaults are those of Source.Defaults, for the help text.
func AddFlags(fs *pflag.FlagSet, defaults map[string]string, keys ...string) {
	rows := table(&Config{})
	for _, s := range rows {
		if s.envOnly || (len(keys) > 0 && !slices.Contains(keys, s.key)) {
			continue
		}
		def := s.def
		if d, ok := defaults[s.key]; ok {
			def = d
		}
		usage, _, _ := strings.Cut(s.help, ". ")
		usage = strings.ReplaceAll(strings.TrimSuffix(usage, "."), "`", "") // pflag reads a quoted word as the value's name
		if s.oneOf != nil {
			usage += ": " + strings.Join(s.oneOf, ", ")
		}
		if _, isBool := s.into.(*bool); isBool {
			fs.Bool(s.flag(), def == "true", usage)
			continue
		}
		fs.String(s.flag(), def, usage)
	}
}

// read puts raw, as a source gave it, into the setting. Texts come from flags, the environment and defaults; the file
// gives YAML's own types, of which a scalar is read as its text.
func read(into any, raw any) error {
	switch p := into.(type) {
	case *[]Issuer:
		return readJSON(p, raw)
	case *[]string:
		return readList(p, raw)
	}
	switch raw.(type) {
	case nil, string, bool, int, int64, uint64, float64:
	default:
		return errors.New("must be a single value")
	}
	text := ""
	if raw != nil {
		text = fmt.Sprint(raw)
	}
	var err error
	switch p := into.(type) {
	case *string:
		*p = text
	case *Secret:
		p.text = text
	case *Database:
		p.text = text
	case *bool:
		if *p, err = strconv.ParseBool(text); err != nil {
			return fmt.Errorf("must be true or false, not %q", text)
		}
	case *int64:
		if *p, err = strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Errorf("must be a whole number, not %q", text)
		}
	case *time.Duration:
		if *p, err = time.ParseDuration(text); err != nil {
			return fmt.Errorf("must be a duration such as 30s, 5m or 720h, not %q", text)
		}
	default:
		return fmt.Errorf("has no way to be read into %T", into)
	}
	return nil
}

// readList reads a list of texts: a YAML list, or text separated by commas.
func readList(p *[]string, raw any) error {
	*p = nil
	switch v := raw.(type) {
	case nil:
	case string:
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*p = append(*p, part)
			}
		}
	case []any:
		for _, e := range v {
			*p = append(*p, fmt.Sprint(e))
		}
	default:
		return errors.New("must be a list")
	}
	return nil
}

// readJSON reads a list of objects: JSON text, or what YAML made of the same shape. Unknown members are errors.
func readJSON(p *[]Issuer, raw any) error {
	*p = nil
	var text []byte
	switch v := raw.(type) {
	case nil:
		return nil
	case string:
		if text = []byte(v); v == "" {
			return nil
		}
	default:
		var err error
		if text, err = json.Marshal(v); err != nil {
			return errors.New("must be a list of objects")
		}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return fmt.Errorf("must be a list of objects: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// render gives a setting's value in the form a flag takes. A secret is masked.
func render(into any) string {
	switch p := into.(type) {
	case *string:
		return *p
	case *Secret:
		return p.String()
	case *Database:
		return p.String()
	case *bool:
		return strconv.FormatBool(*p)
	case *int64:
		return strconv.FormatInt(*p, 10)
	case *time.Duration:
		return p.String()
	case *[]string:
		return strings.Join(*p, ",")
	case *[]Issuer:
		if len(*p) == 0 {
			return ""
		}
		text, err := json.Marshal(*p)
		if err != nil {
			return err.Error()
		}
		return string(text)
	default:
		return fmt.Sprint(into)
	}
}

// suggest returns "; did you mean X?" with the nearest known name, or "" when none is near.
func suggest(given string, rows []setting, name func(setting) string) string {
	best, nearest := len(given)/2+1, ""
	for _, s := range rows {
		if d := distance(given, name(s)); d < best {
			best, nearest = d, name(s)
		}
	}
	if nearest == "" {
		return "; docs/config.md lists the settings"
	}
	return "; did you mean " + nearest + "?"
}

// distance is the Levenshtein distance of two texts, by bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
