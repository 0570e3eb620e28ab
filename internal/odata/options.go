package odata

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of query options.
const (
	MaxQueryBytes   = 16 << 10 // a raw query
	MaxTop          = 999      // $top
	MaxSelect       = 100      // names in $select
	MaxOrderByTerms = 10       // terms of $orderby
	MaxExpand       = 20       // items of $expand
)

// Options are the system query options of a request. A value that is there is never empty, so that the zero value of a
// member means the option was not given.
type Options struct {
	Select    []string // property paths as written, without repetitions; "*" stands for all
	Filter    *Expr
	OrderBy   []OrderTerm
	Top       *int // 1 to MaxTop
	Skip      *int // 0 or more
	Count     bool
	SkipToken string   // opaque; see DecodeSkipToken
	Expand    []string // items as written, with their own options in parentheses
	Search    string   // as written
	Format    string   // as written; see ParseFormat
	Given     []string // canonical names ("$filter") of the options that were given, in that order
}

// Has tells whether the option of that canonical name ("$count") was given.
func (o Options) Has(name string) bool { return slices.Contains(o.Given, name) }

// OrderTerm is one term of $orderby.
type OrderTerm struct {
	Property   string // the path as written: compare its names case-insensitively
	Descending bool
}

// setters has every system query option that ParseOptions understands, by canonical name.
var setters = map[string]func(o *Options, value string) error{
	"$select":    (*Options).setSelect,
	"$filter":    func(o *Options, v string) (err error) { o.Filter, err = ParseFilter(v); return err },
	"$orderby":   (*Options).setOrderBy,
	"$top":       (*Options).setTop,
	"$skip":      (*Options).setSkip,
	"$count":     (*Options).setCount,
	"$skiptoken": func(o *Options, v string) error { o.SkipToken = v; return nil },
	"$expand":    (*Options).setExpand,
	"$search":    func(o *Options, v string) error { o.Search = v; return nil },
	"$format":    func(o *Options, v string) error { o.Format = v; return nil },
}

// ParseOptions reads a raw query, as url.URL.RawQuery has it. Names are read with and without "$" and in any case, names
// and values percent-decoded, '+' as a space (contract 3.3). An unknown name is ignored unless it begins with "$". Every
// error is an *Error whose Option is the canonical name.
func ParseOptions(rawQuery string) (Options, error) {
	var o Options
	if len(rawQuery) > MaxQueryBytes {
		return o, errorf(Limit, "", "The query of the request URL is longer than %d bytes. Shorten it.", MaxQueryBytes)
	}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, known, err := optionName(rawName)
		if err != nil {
			return Options{}, err
		}
		if !known {
			continue
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return Options{}, errorf(Syntax, name, "The value of query option '%s' is not correctly percent-encoded.", name)
		}
		if err := o.set(name, strings.TrimSpace(value)); err != nil {
			return Options{}, err
		}
	}
	return o, nil
}

// NextQuery returns rawQuery as the next page's link carries it on: without $skip and $skiptoken, everything else
// untouched, and $skiptoken set to token.
func NextQuery(rawQuery, token string) string {
	var kept []string
	for pair := range strings.SplitSeq(rawQuery, "&") {
		rawName, _, _ := strings.Cut(pair, "=")
		if name, _, err := optionName(rawName); pair == "" || err != nil || name == "$skip" || name == "$skiptoken" {
			continue
		}
		kept = append(kept, pair)
	}
	return strings.Join(append(kept, "$skiptoken="+url.QueryEscape(token)), "&")
}

// optionName returns the canonical name of a system query option; known is false for a custom option.
func optionName(raw string) (name string, known bool, err error) {
	name, err = url.QueryUnescape(raw)
	if err != nil {
		return "", false, errorf(Syntax, clip(raw), "The name of query option '%s' is not correctly percent-encoded.", clip(raw))
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if _, ok := setters[name]; ok {
		return name, true, nil
	}
	if _, ok := setters["$"+name]; ok {
		return "$" + name, true, nil
	}
	if strings.HasPrefix(name, "$") {
		return "", false, errorf(Unsupported, clip(name), "The query parameter '%s' is not supported.", clip(name))
	}
	return "", false, nil
}

func (o *Options) set(name, value string) error {
	if o.Has(name) {
		return errorf(Duplicate, name, "Query option '%s' was specified more than once, but it must be specified at most once.", name)
	}
	o.Given = append(o.Given, name)
	if value == "" {
		return errorf(Empty, name, "Query option '%s' has no value. Give it one or leave it out.", name)
	}
	if err := checkText(name, value); err != nil {
		return err
	}
	return setters[name](o, value)
}

// checkText refuses what no database stores as text: bytes that are not UTF-8, and NUL.
func checkText(option, value string) error {
	if !isStorable(value) {
		return errorf(Syntax, option, "The value of query option '%s' is not valid UTF-8 or contains a NUL character.", option)
	}
	return nil
}

func isStorable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func (o *Options) setTop(value string) error {
	n, err := parseCount("$top", "a positive", value)
	if err != nil {
		return err
	}
	if n == 0 {
		return invalidCount("$top", "a positive", value)
	}
	if n > MaxTop {
		return errorf(Limit, "$top", "The limit of '%d' for Top query has been exceeded. The value from the incoming request is '%d'.", MaxTop, n)
	}
	o.Top = &n
	return nil
}

func (o *Options) setSkip(value string) error {
	n, err := parseCount("$skip", "a non-negative", value)
	if err == nil {
		o.Skip = &n
	}
	return err
}

// parseCount reads an integer from 0 to 2^31-1, the range that the service has.
func parseCount(option, kind, value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0, invalidCount(option, kind, value)
	}
	return int(n), nil
}

func invalidCount(option, kind, value string) error {
	return errorf(WrongType, option, "Invalid value '%s' for %s query option found. The %s query option requires %s integer value.",
		clip(value), option, option, kind)
}

func (o *Options) setCount(value string) error {
	switch strings.ToLower(value) {
	case "true":
		o.Count = true
	case "false":
	default:
		return errorf(WrongType, "$count", "Invalid value '%s' for $count query option found. Valid values are 'true' and 'false'.", clip(value))
	}
	return nil
}

func (o *Options) setSelect(value string) error {
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if name != "*" && !isPath(name) {
			return errorf(Syntax, "$select", "Term '%s' is not valid in a $select expression.", clip(name))
		}
		if slices.ContainsFunc(o.Select, func(s string) bool { return strings.EqualFold(s, name) }) {
			continue
		}
		if len(o.Select) == MaxSelect {
			return errorf(Limit, "$select", "The query option '$select' names more than %d properties.", MaxSelect)
		}
		o.Select = append(o.Select, name)
	}
	return nil
}

func (o *Options) setOrderBy(value string) error {
	for term := range strings.SplitSeq(value, ",") {
		words := strings.Fields(term)
		if len(words) == 0 || len(words) > 2 || !isPath(words[0]) {
			return errorf(Syntax, "$orderby", "Term '%s' is not valid in a $orderby expression. Write a property, then 'asc' or 'desc' or nothing.", clip(strings.TrimSpace(term)))
		}
		parsed := OrderTerm{Property: words[0]}
		if len(words) == 2 {
			parsed.Descending = strings.EqualFold(words[1], "desc")
			if !parsed.Descending && !strings.EqualFold(words[1], "asc") {
				return errorf(Syntax, "$orderby", "'%s' is not a sort direction of $orderby. Use 'asc' or 'desc'.", clip(words[1]))
			}
		}
		if slices.ContainsFunc(o.OrderBy, func(t OrderTerm) bool { return strings.EqualFold(t.Property, parsed.Property) }) {
			return errorf(Duplicate, "$orderby", "Duplicate property named '%s' is not supported in '$orderby'.", clip(parsed.Property))
		}
		if len(o.OrderBy) == MaxOrderByTerms {
			return errorf(Limit, "$orderby", "The query option '$orderby' has more than %d terms.", MaxOrderByTerms)
		}
		o.OrderBy = append(o.OrderBy, parsed)
	}
	return nil
}

// setExpand cuts the list at the commas outside parentheses and quotes; what an item means is for the caller to say.
func (o *Options) setExpand(value string) error {
	depth, quoted, start := 0, false, 0
	for i := 0; i <= len(value); i++ {
		end := i == len(value)
		switch {
		case !end && value[i] == '\'':
			quoted = !quoted
		case !end && quoted:
		case !end && value[i] == '(':
			depth++
		case !end && value[i] == ')':
			depth--
		case end || (value[i] == ',' && depth == 0):
			item := strings.TrimSpace(value[start:i])
			if item == "" || depth != 0 || quoted {
				return errorf(Syntax, "$expand", "Term '%s' is not valid in a $expand expression.", clip(item))
			}
			if len(o.Expand) == MaxExpand {
				return errorf(Limit, "$expand", "The query option '$expand' has more than %d items.", MaxExpand)
			}
			o.Expand, start = append(o.Expand, item), i+1
		}
		if depth < 0 {
			return errorf(Syntax, "$expand", "Term '%s' is not valid in a $expand expression.", clip(strings.TrimSpace(value[start:])))
		}
	}
	return nil
}
