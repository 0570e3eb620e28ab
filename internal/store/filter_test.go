package store

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// cond makes a comparison.
func cond(property string, op apiconn.Op, values ...string) *apiconn.Condition {
	return &apiconn.Condition{Op: op, Property: property, Values: values}
}

func both(op apiconn.Op, args ...*apiconn.Condition) *apiconn.Condition {
	return &apiconn.Condition{Op: op, Args: args}
}

func ids(connectors []apiconn.Connector) string {
	var all []string
	for _, c := range connectors {
		all = append(all, c.ID)
	}
	return strings.Join(all, " ")
}

func TestFilters(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		for id, name := range map[string]string{
			"1": "Alpha", "2": "alpha", "3": "Beta", "4": "100%_'x'", "5": "é😀z", "6": "", "7": "Alphabet",
		} {
			h.create(t, apiconn.Connector{TenantID: tenantA, ID: id, DisplayName: name, TargetURL: "https://" + id + ".example/"})
		}
		name := func(op apiconn.Op, values ...string) *apiconn.Condition { return cond("displayName", op, values...) }
		null := func(op apiconn.Op) *apiconn.Condition {
			return &apiconn.Condition{Op: op, Property: "displayName", Null: true}
		}
		for label, c := range map[string]struct {
			where *apiconn.Condition
			want  string
		}{
			"nothing":                       {nil, "1 2 3 4 5 6 7"},
			"eq tells case apart":           {name(apiconn.Eq, "alpha"), "2"},
			"ne":                            {name(apiconn.Ne, "alpha"), "1 3 4 5 6 7"},
			"gt is by code point":           {name(apiconn.Gt, "Beta"), "2 5"},
			"ge":                            {name(apiconn.Ge, "Beta"), "2 3 5"},
			"lt":                            {name(apiconn.Lt, "Alphabet"), "1 4 6"},
			"le":                            {name(apiconn.Le, "Alphabet"), "1 4 6 7"},
			"in":                            {name(apiconn.In, "Alpha", "Beta", "none"), "1 3"},
			"in nothing":                    {name(apiconn.In), ""},
			"startswith":                    {name(apiconn.StartsWith, "Alpha"), "1 7"},
			"startswith knows no wildcards": {name(apiconn.StartsWith, "100%_"), "4"},
			"startswith %":                  {name(apiconn.StartsWith, "%"), ""},
			"startswith nothing":            {name(apiconn.StartsWith, ""), "1 2 3 4 5 6 7"},
			"startswith beyond ASCII":       {name(apiconn.StartsWith, "é😀"), "5"},
			"endswith":                      {name(apiconn.EndsWith, "pha"), "1 2"},
			"endswith longer than the text": {name(apiconn.EndsWith, "xAlphabet"), ""},
			"endswith nothing":              {name(apiconn.EndsWith, ""), "1 2 3 4 5 6 7"},
			"endswith beyond ASCII":         {name(apiconn.EndsWith, "😀z"), "5"},
			"contains":                      {name(apiconn.Contains, "lph"), "1 2 7"},
			"contains a quote":              {name(apiconn.Contains, "'x'"), "4"},
			"contains beyond ASCII":         {name(apiconn.Contains, "😀"), "5"},
			"contains nothing":              {name(apiconn.Contains, ""), "1 2 3 4 5 6 7"},
			"eq null":                       {null(apiconn.Eq), ""},
			"ne null":                       {null(apiconn.Ne), "1 2 3 4 5 6 7"},
			"gt null":                       {null(apiconn.Gt), ""},
			"not eq null":                   {both(apiconn.Not, null(apiconn.Eq)), "1 2 3 4 5 6 7"},
			"and":                           {both(apiconn.And, name(apiconn.StartsWith, "A"), cond("id", apiconn.Gt, "1")), "7"},
			"or":                            {both(apiconn.Or, name(apiconn.Eq, "Beta"), cond("targetUrl", apiconn.Eq, "https://5.example/")), "3 5"},
			"not":                           {both(apiconn.Not, name(apiconn.StartsWith, "A")), "2 3 4 5 6"},
			"and of or": {both(apiconn.And, both(apiconn.Or, cond("id", apiconn.Eq, "1"), cond("id", apiconn.Eq, "2")),
				both(apiconn.Not, name(apiconn.Eq, "alpha"))), "1"},
			"an injection": {name(apiconn.Eq, "' OR 1=1 --"), ""},
		} {
			t.Run(label, func(t *testing.T) {
				t.Parallel()
				page, err := h.Connectors(t.Context(), tenantA, apiconn.Query{Where: c.where})
				if got := ids(page.Items); got != c.want || err != nil {
					t.Errorf("found %q, want %q; error %v", got, c.want, err)
				}
				n, err := h.CountConnectors(t.Context(), tenantA, c.where)
				if want := len(strings.Fields(c.want)); n != int64(want) || err != nil {
					t.Errorf("counted %d, want %d; error %v", n, want, err)
				}
			})
		}
	})
}

func TestFiltersThatAreRefused(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		values := make([]string, maxComparisons)
		for label, c := range map[string]struct {
			where *apiconn.Condition
			kind  apiconn.Kind
		}{
			"an unknown property":         {cond("tenant_id", apiconn.Eq, "x"), apiconn.Internal},
			"a property of another case":  {cond("DisplayName", apiconn.Eq, "x"), apiconn.Internal},
			"an unknown operator":         {cond("id", "has", "x"), apiconn.Internal},
			"two values":                  {cond("id", apiconn.Eq, "x", "y"), apiconn.Internal},
			"no value":                    {cond("id", apiconn.Eq), apiconn.Internal},
			"an and of nothing":           {both(apiconn.And), apiconn.Internal},
			"a not of two":                {both(apiconn.Not, cond("id", apiconn.Eq, "x"), cond("id", apiconn.Eq, "x")), apiconn.Internal},
			"a list too long":             {cond("id", apiconn.In, values...), apiconn.Invalid},
			"a filter with too many ands": {wide(maxComparisons + 1), apiconn.Invalid},
		} {
			_, err := h.Connectors(t.Context(), tenantA, apiconn.Query{Where: c.where})
			if err == nil || apiconn.KindOf(err) != c.kind {
				t.Errorf("%s: got %v, want kind %d", label, err, c.kind)
			}
		}
		if _, err := h.Connectors(t.Context(), tenantA, apiconn.Query{Where: wide(maxComparisons)}); err != nil {
			t.Errorf("the widest filter that is allowed: %v", err)
		}
	})
}

func wide(n int) *apiconn.Condition {
	args := make([]*apiconn.Condition, n)
	for i := range args {
		args[i] = cond("id", apiconn.Ne, number(i))
	}
	return both(apiconn.And, args...)
}

func TestSearch(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.create(t, apiconn.Connector{TenantID: tenantA, ID: "1", DisplayName: "needle", TargetURL: "https://x/"})
		h.create(t, apiconn.Connector{TenantID: tenantA, ID: "2", DisplayName: "x", TargetURL: "https://needle/"})
		h.create(t, apiconn.Connector{TenantID: tenantA, ID: "3", DisplayName: "x", TargetURL: "https://x/"})
		page, err := h.Connectors(t.Context(), tenantA, apiconn.Query{Search: "needle"})
		if got := ids(page.Items); got != "1 2" || err != nil {
			t.Errorf("found %q, want 1 2; error %v", got, err)
		}
		_, err = h.AuditEntries(t.Context(), tenantA, apiconn.Query{Search: "needle"})
		wantKind(t, err, apiconn.Invalid)
	})
}

// texts are few and alike, so that comparisons are often close. A generator is for one test only.
func texts() *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom([]rune("aAb%_'é😀")), 0, 4, -1)
}

func conditions(depth int) *rapid.Generator[*apiconn.Condition] {
	return rapid.Custom(func(t *rapid.T) *apiconn.Condition {
		if depth > 0 && rapid.Bool().Draw(t, "nested") {
			op := rapid.SampledFrom([]apiconn.Op{apiconn.And, apiconn.Or, apiconn.Not}).Draw(t, "op")
			most := 3
			if op == apiconn.Not {
				most = 1
			}
			return both(op, rapid.SliceOfN(conditions(depth-1), 1, most).Draw(t, "args")...)
		}
		c := &apiconn.Condition{
			Property: rapid.SampledFrom([]string{"id", "displayName", "targetUrl"}).Draw(t, "property"),
			Op: rapid.SampledFrom([]apiconn.Op{
				apiconn.Eq, apiconn.Ne, apiconn.Gt, apiconn.Ge, apiconn.Lt, apiconn.Le, apiconn.In,
				apiconn.StartsWith, apiconn.EndsWith, apiconn.Contains,
			}).Draw(t, "op"),
		}
		if c.Op == apiconn.In {
			c.Values = rapid.SliceOfN(texts(), 0, 3).Draw(t, "values")
		} else {
			c.Values = []string{texts().Draw(t, "value")}
		}
		return c
	})
}

// matches is the meaning of a condition, in Go: strings compare by their UTF-8 bytes, which is by code point.
func matches(c *apiconn.Condition, row apiconn.Connector) bool {
	holds := func(arg *apiconn.Condition) bool { return matches(arg, row) }
	switch c.Op {
	case apiconn.And:
		return !slices.ContainsFunc(c.Args, func(arg *apiconn.Condition) bool { return !holds(arg) })
	case apiconn.Or:
		return slices.ContainsFunc(c.Args, holds)
	case apiconn.Not:
		return !holds(c.Args[0])
	}
	value := connectorPosition(row, c.Property)
	if c.Op == apiconn.In {
		return slices.Contains(c.Values, value)
	}
	want := c.Values[0]
	return map[apiconn.Op]bool{
		apiconn.Eq: value == want, apiconn.Ne: value != want, apiconn.Gt: value > want, apiconn.Ge: value >= want,
		apiconn.Lt: value < want, apiconn.Le: value <= want, apiconn.StartsWith: strings.HasPrefix(value, want),
		apiconn.EndsWith: strings.HasSuffix(value, want), apiconn.Contains: strings.Contains(value, want),
	}[c.Op]
}

// TestListingsMeanWhatTheySay draws filters, orders and page sizes, walks all pages, and compares with the same in Go.
func TestListingsMeanWhatTheySay(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		var all []apiconn.Connector
		for i := range 60 {
			c := apiconn.Connector{
				TenantID: tenantA, ID: number(i), DisplayName: texts().Example(i), TargetURL: texts().Example(i + 1000),
			}
			h.create(t, c)
			all = append(all, c)
		}
		rapid.Check(t, func(rt *rapid.T) {
			ask := apiconn.Query{Limit: rapid.IntRange(1, 20).Draw(rt, "limit"), Where: conditions(3).Draw(rt, "where")}
			properties := rapid.Permutation([]string{"displayName", "targetUrl", "id"}).Draw(rt, "properties")
			for _, property := range properties[:rapid.IntRange(0, 3).Draw(rt, "terms")] {
				ask.Order = append(ask.Order, apiconn.Order{Property: property, Descending: rapid.Bool().Draw(rt, "descending")})
			}
			var want []apiconn.Connector
			for _, c := range all {
				if matches(ask.Where, c) {
					want = append(want, c)
				}
			}
			slices.SortFunc(want, func(a, b apiconn.Connector) int { return compare(a, b, ask.Order) })

			var got []apiconn.Connector
			for {
				page, err := h.Connectors(t.Context(), tenantA, ask)
				if err != nil {
					rt.Fatal(err)
				}
				if len(page.Items) > ask.Limit || (page.Next != nil && len(page.Items) < ask.Limit) {
					rt.Fatalf("a page of %d with limit %d, next %v", len(page.Items), ask.Limit, page.Next)
				}
				got = append(got, page.Items...)
				if page.Next == nil {
					break
				}
				ask.After = page.Next
			}
			if diff := gocmp.Diff(ids(want), ids(got)); diff != "" {
				rt.Fatalf("listed (-want +got):\n%s", diff)
			}
		})
	})
}

func compare(a, b apiconn.Connector, order []apiconn.Order) int {
	descending := false
	for _, o := range order {
		descending = o.Descending
		sign := 1
		if descending {
			sign = -1
		}
		if c := sign * cmp.Compare(connectorPosition(a, o.Property), connectorPosition(b, o.Property)); c != 0 {
			return c
		}
	}
	if descending {
		return cmp.Compare(b.ID, a.ID)
	}
	return cmp.Compare(a.ID, b.ID)
}
