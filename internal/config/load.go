package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// EnvPrefix begins the name of every environment variable that is a setting.
const EnvPrefix = "PATCHBAY_"

// FileVariable names the environment variable that holds the path of the settings file.
const FileVariable = EnvPrefix + "CONFIG"

// clientVariables begin with the prefix but are no settings: the path of the settings file, what `patchbay db copy` reads, and
// what `patchbay dev` writes for clients into dev.env, which people source in the same shell.
var clientVariables = []string{
	FileVariable, CopyFromVariable, CopyToVariable,
	EnvPrefix + "URL", EnvPrefix + "CONNECTOR_ID", EnvPrefix + "DEMO_CONNECTOR_ID", EnvPrefix + "DEMO_PASSWORD",
}

// Source is where Load reads from.
type Source struct {
	File     string            // path of the settings file; "": FileVariable, and if that is not set, none
	Environ  func() []string   // nil: the environment of this process
	Flags    *pflag.FlagSet    // nil: none; only flags made by AddFlags count
	Defaults map[string]string // by key: defaults of one command that differ from the table's
}

// delim separates the parts of a key.
const delim = "."

// Load reads the settings from all sources, checks them and returns the effective ones. An error is one line that names
// the setting, and where it came from, as the user wrote it.
func Load(src Source) (*Config, error) {
	if src.Environ == nil {
		src.Environ = os.Environ
	}
	c := &Config{sources: map[string]string{}}
	rows := table(c)
	layers, err := readLayers(src, rows)
	if err != nil {
		return nil, err
	}
	all := koanf.New(delim)
	for _, l := range layers {
		for _, key := range l.values.Keys() {
			c.sources[key] = l.name
		}
		if err := all.Merge(l.values); err != nil {
			return nil, fmt.Errorf("settings from %s: %w", l.name, err)
		}
	}
	for _, s := range rows {
		if err := read(s.into, all.Get(s.key)); err != nil {
			return nil, fmt.Errorf("%s: %w", s.spelled(c.sources[s.key]), err)
		}
	}
	for _, s := range rows {
		if text := render(s.into); s.oneOf != nil && !slices.Contains(s.oneOf, text) {
			return nil, fmt.Errorf("%s must be one of %s, not %q", s.spelled(c.sources[s.key]), strings.Join(s.oneOf, ", "), text)
		}
		if s.check == nil {
			continue
		}
		if wrong := s.check(c); wrong != "" {
			return nil, fmt.Errorf("%s %s", s.spelled(c.sources[s.key]), wrong)
		}
	}
	c.complete()
	return c, nil
}

// layer is the settings of one source. Its name is what Value.Source says.
type layer struct {
	name   string
	values *koanf.Koanf
}

// readLayers returns the sources, the weakest first.
func readLayers(src Source, rows []setting) ([]layer, error) {
	defaults := map[string]any{}
	for _, s := range rows {
		defaults[s.key] = s.def
		if d, ok := src.Defaults[s.key]; ok {
			defaults[s.key] = d
		}
	}
	layers := []layer{{name: "default", values: koanf.New(delim)}}
	if err := layers[0].values.Load(confmap.Provider(defaults, delim), nil); err != nil {
		return nil, fmt.Errorf("default settings: %w", err)
	}
	add := func(l layer, err error) error {
		if err == nil && l.values != nil {
			layers = append(layers, l)
		}
		return err
	}
	if err := add(fromFile(src, rows)); err != nil {
		return nil, err
	}
	if err := add(fromEnvironment(src, rows)); err != nil {
		return nil, err
	}
	if err := add(fromFlags(src, rows)); err != nil {
		return nil, err
	}
	return layers, nil
}

func fromFile(src Source, rows []setting) (layer, error) {
	path := src.File
	if path == "" {
		for _, kv := range src.Environ() {
			if v, ok := strings.CutPrefix(kv, FileVariable+"="); ok {
				path = v
			}
		}
	}
	if path == "" {
		return layer{}, nil
	}
	l := layer{name: "file", values: koanf.New(delim)}
	err := l.values.Load(file.Provider(path), yaml.Parser())
	if errors.Is(err, fs.ErrNotExist) {
		return layer{}, fmt.Errorf("there is no settings file %s", path)
	}
	if err != nil {
		return layer{}, fmt.Errorf("settings file %s: %w", path, oneLine(err))
	}
	for _, key := range l.values.Keys() {
		s, ok := byKey(rows, key)
		if !ok {
			return layer{}, fmt.Errorf("settings file %s: unknown setting %s%s", path, key, suggest(key, rows, func(s setting) string { return s.key }))
		}
		if s.envOnly {
			return layer{}, fmt.Errorf("settings file %s: %s is a secret; set it in the environment as %s", path, key, s.variable())
		}
	}
	return l, nil
}

func fromEnvironment(src Source, rows []setting) (layer, error) {
	l := layer{name: "environment", values: koanf.New(delim)}
	var unknown []string
	provider := env.Provider(delim, env.Opt{Prefix: EnvPrefix, EnvironFunc: src.Environ, TransformFunc: func(name, value string) (string, any) {
		for _, s := range rows {
			if s.variable() == name {
				return s.key, value
			}
		}
		if !slices.Contains(clientVariables, name) {
			unknown = append(unknown, name)
		}
		return "", nil
	}})
	if err := l.values.Load(provider, nil); err != nil {
		return layer{}, fmt.Errorf("settings from the environment: %w", err)
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return layer{}, fmt.Errorf("unknown environment variable %s%s", unknown[0], suggest(unknown[0], rows, setting.variable))
	}
	return l, nil
}

func fromFlags(src Source, rows []setting) (layer, error) {
	if src.Flags == nil {
		return layer{}, nil
	}
	l := layer{name: "flag", values: koanf.New(delim)}
	provider := posflag.ProviderWithFlag(src.Flags, delim, l.values, func(f *pflag.Flag) (string, any) {
		for _, s := range rows {
			if s.flag() == f.Name && f.Changed {
				return s.key, f.Value.String()
			}
		}
		return "", nil
	})
	if err := l.values.Load(provider, nil); err != nil {
		return layer{}, fmt.Errorf("settings from flags: %w", err)
	}
	return l, nil
}

func byKey(rows []setting, key string) (setting, bool) {
	i := slices.IndexFunc(rows, func(s setting) bool { return s.key == key })
	if i < 0 {
		return setting{}, false
	}
	return rows[i], true
}

// oneLine flattens a parser's error of several lines.
func oneLine(err error) error {
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}
