package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-azure-sdk/microsoft-graph/common-types/stable"
	"github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/apiconnector"
	"github.com/hashicorp/go-azure-sdk/sdk/odata"
)

type listOptions = apiconnector.ListApiConnectorsOperationOptions

// mine is a filter that meets the connectors of reading and nothing else.
const mine = "startswith(displayName,'reading ')"

// reading checks the query options on seven connectors of its own.
func (s *suite) reading(t *testing.T) {
	names := make([]string, 7)
	for i := range names {
		names[i] = fmt.Sprintf("reading %d", i+1)
		s.create(t, names[i])
	}
	s.filters(t, names)
	s.counts(t)
	s.pages(t, names)
}

func (s *suite) filters(t *testing.T, names []string) {
	t.Helper()
	filters := []struct {
		name, filter string
		want         []string
	}{
		{"$filter eq", "displayName eq 'reading 3'", names[2:3]},
		{"$filter startswith", mine, names},
		{"$filter and, or, not, in", mine + " and (displayName in ('reading 1','reading 2') or not (displayName lt 'reading 7'))", []string{names[0], names[1], names[6]}},
		{"$filter contains on targetUrl", "contains(targetUrl,'/reading-5')", names[4:5]},
		{"$filter that matches nothing", "displayName eq '" + odata.EscapeSingleQuote("it's not here") + "'", nil},
	}
	for _, check := range filters {
		t.Run(check.name, func(t *testing.T) {
			wantNames(t, s.list(t, listOptions{Filter: &check.filter, OrderBy: &odata.OrderBy{Field: "displayName"}}), check.want)
		})
	}
	t.Run("$select leaves the rest out", func(t *testing.T) {
		page, err := s.client.ListApiConnectors(soon(t), listOptions{Filter: new("displayName eq 'reading 1'"), Select: &[]string{"id", "displayName"}})
		if err != nil || len(*page.Model) != 1 {
			t.Fatalf("list: %v, %v", page.Model, err)
		}
		wantSelected(t, &(*page.Model)[0])
		one, err := s.client.GetApiConnector(soon(t), connectorID(*(*page.Model)[0].Id),
			apiconnector.GetApiConnectorOperationOptions{Select: &[]string{"id", "displayName"}})
		if err != nil {
			t.Fatal(err)
		}
		wantSelected(t, one.Model)
	})
}

func (s *suite) counts(t *testing.T) {
	t.Helper()
	t.Run("$count as a segment is answered as plain text, which the SDK does not read", func(t *testing.T) {
		counted, err := s.client.GetApiConnectorsCount(soon(t), apiconnector.GetApiConnectorsCountOperationOptions{Filter: new(mine)})
		if counted.HttpResponse == nil || counted.HttpResponse.StatusCode != http.StatusOK || !strings.HasPrefix(counted.HttpResponse.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("answered %+v", counted.HttpResponse)
		}
		if err == nil || !strings.Contains(err.Error(), "unimplemented unmarshal function") {
			t.Errorf("the error is %v; the SDK is known not to read text/plain", err)
		}
	})
	t.Run("$count as an option", func(t *testing.T) {
		page, err := s.client.ListApiConnectors(soon(t), listOptions{Filter: new(mine), Count: new(true)})
		if err != nil {
			t.Fatal(err)
		}
		if n := page.OData.Count; n == nil || *n != 7 {
			t.Errorf("@odata.count is %v, want 7", n)
		}
	})
}

func (s *suite) pages(t *testing.T, names []string) {
	t.Helper()
	backwards := slices.Clone(names)
	slices.Reverse(backwards)
	descending := &odata.OrderBy{Field: "displayName", Direction: odata.Descending}
	t.Run("$orderby desc with $top and $skip", func(t *testing.T) {
		// $top is the size of a page, and the SDK goes on to the next one.
		got := s.list(t, listOptions{Filter: new(mine), OrderBy: descending, Top: new(int64(5)), Skip: new(int64(1))})
		wantNames(t, got, backwards[1:])
	})
	t.Run("the pager follows @odata.nextLink", func(t *testing.T) {
		client := connect(t, s.relay.URL, secretAuthorizer(t, s.server, s.server.Developer()))
		s.relay.Inject(t, map[string]any{"status": 500, "path": "/nothing"}) // for its counting from here
		result, err := client.ListApiConnectorsComplete(soon(t), listOptions{Filter: new(mine), OrderBy: descending, Top: new(int64(3))})
		if err != nil {
			t.Fatal(err)
		}
		wantNames(t, namesOf(result.Items), backwards)
		pages := s.relay.Seen(t)
		if len(pages) != 3 || !strings.Contains(pages[2].Target, "skiptoken=") {
			t.Errorf("%d pages were asked for, want 3: %+v", len(pages), pages)
		}
	})
}

// list returns the names on all pages.
func (s *suite) list(t *testing.T, options listOptions) []string {
	t.Helper()
	result, err := s.client.ListApiConnectors(soon(t), options)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	return namesOf(*result.Model)
}

func namesOf(connectors []stable.IdentityApiConnector) []string {
	names := make([]string, len(connectors))
	for i, connector := range connectors {
		names[i] = connector.DisplayName.GetOrZero()
	}
	return names
}

func wantNames(t *testing.T, got, want []string) {
	t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func wantSelected(t *testing.T, connector *stable.IdentityApiConnector) {
	t.Helper()
	if connector.Id == nil || connector.DisplayName.GetOrZero() == "" {
		t.Error("what was selected is not there")
	}
	if connector.TargetUrl.IsSet() || connector.AuthenticationConfiguration != nil {
		t.Error("what was not selected is there")
	}
}
