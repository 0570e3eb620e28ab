package conformance

import (
	"fmt"
	"testing"

	msgraphcore "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/microsoftgraph/msgraph-sdk-go/identity"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

type (
	listParameters  = identity.ApiConnectorsRequestBuilderGetQueryParameters
	countParameters = identity.ApiConnectorsCountRequestBuilderGetQueryParameters
	itemParameters  = identity.ApiConnectorsIdentityApiConnectorItemRequestBuilderGetQueryParameters
)

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
		{"$filter with names in another case, as Microsoft365DSC sends it", "DisplayName eq 'reading 3'", names[2:3]},
		{"$filter startswith", mine, names},
		{"$filter and, or, not, in", mine + " and (displayName in ('reading 1','reading 2') or not (displayName lt 'reading 7'))", []string{names[0], names[1], names[6]}},
		{"$filter contains on targetUrl", "contains(targetUrl,'/reading-5')", names[4:5]},
		{"$filter that matches nothing", "displayName eq 'it''s not here'", nil},
	}
	for _, check := range filters {
		t.Run(check.name, func(t *testing.T) {
			wantNames(t, s.list(t, &listParameters{Filter: &check.filter, Orderby: []string{"displayName"}}), check.want)
		})
	}
	t.Run("$select leaves the rest out", func(t *testing.T) {
		parameters := &listParameters{Filter: new("displayName eq 'reading 1'"), Select: []string{"id", "displayName"}}
		page, err := s.connectors().Get(t.Context(), &identity.ApiConnectorsRequestBuilderGetRequestConfiguration{QueryParameters: parameters})
		if err != nil || len(page.GetValue()) != 1 {
			t.Fatalf("list: %d items, %v", len(page.GetValue()), err)
		}
		wantSelected(t, page.GetValue()[0])
		one, err := s.item(*page.GetValue()[0].GetId()).Get(t.Context(), &identity.ApiConnectorsIdentityApiConnectorItemRequestBuilderGetRequestConfiguration{
			QueryParameters: &itemParameters{Select: []string{"id", "displayName"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		wantSelected(t, one)
	})
}

func (s *suite) counts(t *testing.T) {
	t.Helper()
	t.Run("$count as a segment", func(t *testing.T) {
		n, err := s.connectors().Count().Get(t.Context(), &identity.ApiConnectorsCountRequestBuilderGetRequestConfiguration{
			QueryParameters: &countParameters{Filter: new(mine)},
		})
		if err != nil || *n != 7 {
			t.Errorf("counted %v, %v; want 7", n, err)
		}
	})
	t.Run("$count as an option", func(t *testing.T) {
		parameters := &listParameters{Filter: new(mine), Count: new(true), Top: new(int32(1))}
		page, err := s.connectors().Get(t.Context(), &identity.ApiConnectorsRequestBuilderGetRequestConfiguration{QueryParameters: parameters})
		if err != nil {
			t.Fatal(err)
		}
		if n := page.GetOdataCount(); n == nil || *n != 7 || len(page.GetValue()) != 1 {
			t.Errorf("@odata.count is %v with %d items, want 7 with 1", n, len(page.GetValue()))
		}
	})
}

func (s *suite) pages(t *testing.T, names []string) {
	t.Helper()
	t.Run("$orderby desc with $top and $skip", func(t *testing.T) {
		got := s.list(t, &listParameters{Filter: new(mine), Orderby: []string{"displayName desc"}, Top: new(int32(2)), Skip: new(int32(1))})
		wantNames(t, got, []string{names[5], names[4]})
	})
	t.Run("PageIterator follows @odata.nextLink", func(t *testing.T) {
		parameters := &listParameters{Filter: new(mine), Orderby: []string{"displayName desc"}, Top: new(int32(3))}
		page, err := s.connectors().Get(t.Context(), &identity.ApiConnectorsRequestBuilderGetRequestConfiguration{QueryParameters: parameters})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.GetValue()) != 3 || page.GetOdataNextLink() == nil {
			t.Fatalf("the first page has %d items, and a next link: %t", len(page.GetValue()), page.GetOdataNextLink() != nil)
		}
		iterator, err := msgraphcore.NewPageIterator[models.IdentityApiConnectorable](page, s.client.GetAdapter(), models.CreateIdentityApiConnectorCollectionResponseFromDiscriminatorValue)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		err = iterator.Iterate(t.Context(), func(connector models.IdentityApiConnectorable) bool {
			got = append(got, *connector.GetDisplayName())
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		wantNames(t, got, []string{names[6], names[5], names[4], names[3], names[2], names[1], names[0]})
	})
}

// list returns the names on the first page.
func (s *suite) list(t *testing.T, parameters *listParameters) []string {
	t.Helper()
	page, err := s.connectors().Get(t.Context(), &identity.ApiConnectorsRequestBuilderGetRequestConfiguration{QueryParameters: parameters})
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	names := make([]string, len(page.GetValue()))
	for i, connector := range page.GetValue() {
		names[i] = *connector.GetDisplayName()
	}
	return names
}

func wantNames(t *testing.T, got, want []string) {
	t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func wantSelected(t *testing.T, connector models.IdentityApiConnectorable) {
	t.Helper()
	if connector.GetId() == nil || connector.GetDisplayName() == nil {
		t.Error("what was selected is not there")
	}
	if connector.GetTargetUrl() != nil || connector.GetAuthenticationConfiguration() != nil {
		t.Error("what was not selected is there")
	}
}
