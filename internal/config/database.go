package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
)

// Database is where the data is: the path of a SQLite file, or a PostgreSQL URL, which may have a password in it. Printed
// in any way, in fmt, slog, JSON and text, it is masked; Reveal gives the value.
type Database struct{ text string }

// NewDatabase returns the setting of a text.
func NewDatabase(text string) Database { return Database{text} }

// Reveal returns the data source itself.
func (d Database) Reveal() string { return d.text }

// IsFile tells whether the database is a file of this machine.
func (d Database) IsFile() bool {
	return !strings.HasPrefix(d.text, "postgres://") && !strings.HasPrefix(d.text, "postgresql://")
}

// Path is the file, or "".
func (d Database) Path() string {
	if !d.IsFile() {
		return ""
	}
	return d.text
}

// secretParameters are the parameters of a PostgreSQL URL that are secrets.
var secretParameters = []string{"password", "sslpassword"}

// String returns the data source with its secrets masked.
func (d Database) String() string {
	if d.IsFile() {
		return d.text
	}
	u, err := url.Parse(d.text)
	if err != nil {
		return masked
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), masked)
	}
	query := u.Query()
	for _, name := range secretParameters {
		if query.Has(name) {
			query.Set(name, masked)
		}
	}
	u.RawQuery = query.Encode()
	return strings.ReplaceAll(u.String(), url.QueryEscape(masked), masked)
}

// hasPassword tells whether the data source holds a secret.
func (d Database) hasPassword() bool { return d.String() != Database{d.text}.canonical() }

// canonical is String without masking.
func (d Database) canonical() string {
	u, err := url.Parse(d.text)
	if err != nil || d.IsFile() {
		return d.text
	}
	u.RawQuery = u.Query().Encode()
	return u.String()
}

// Format writes String whatever the verb: %#v and %d would otherwise print the field itself.
func (d Database) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// LogValue returns String.
func (d Database) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText returns String; encoding/json uses it too.
func (d Database) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// The variables that stand for the flags of `patchbay db copy`.
const (
	CopyFromVariable = EnvPrefix + "COPY_FROM"
	CopyToVariable   = EnvPrefix + "COPY_TO"
)

// ParseDatabase reads a data source that is no setting. An error never quotes it, and goes on after the name of where it came from.
// instead is what to use rather if it came from the command line and has a password; "" if it came from elsewhere.
func ParseDatabase(text, instead string) (Database, error) {
	d := Database{text}
	if wrong := d.check(instead); wrong != "" {
		return Database{}, errors.New(wrong)
	}
	return d, nil
}

// database checks the form of a data source.
func database(c *Config) string {
	if c.sources["database"] == "flag" {
		return c.Database.check("a settings file, " + EnvPrefix + "DATABASE")
	}
	return c.Database.check("")
}

// check returns what is wrong with a data source, "" for nothing. It never quotes it. See ParseDatabase.
func (d Database) check(instead string) string {
	if d.IsFile() {
		if scheme, _, is := strings.Cut(d.text, "://"); is {
			return fmt.Sprintf("must be a path or a postgres:// URL; %s:// is neither", scheme)
		}
		return ""
	}
	u, err := url.Parse(d.text)
	if err != nil {
		return "is not a URL: write the password with %XX for characters that have a meaning in URLs, or keep it in a passfile"
	}
	if strings.Trim(u.Path, "/") == "" && !u.Query().Has("dbname") {
		return "must name a database: postgres://user@host:5432/name"
	}
	if instead != "" && d.hasPassword() {
		return "has a password, which others can read in the process list: use " + instead + ", PGPASSWORD or a passfile"
	}
	return ""
}
