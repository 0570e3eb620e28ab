package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestNextLinksLeadToTheEnd: whatever the order, also one that names the id, its links show everything once.
func TestNextLinksLeadToTheEnd(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	client := site.client()
	caller := site.authorization(t, "admin")
	for n := range 5 {
		body := fmt.Sprintf(`{"displayName":"%d","targetUrl":"https://a.example/","authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":"p"}}`, n/2)
		if got := site.do(t, client, caller, "POST", connectorsPath, body); got.status != http.StatusCreated {
			t.Fatalf("create: %d %s", got.status, got.body)
		}
	}
	for _, walk := range []struct{ path, order string }{
		{connectorsPath, "displayName"},
		{connectorsPath, "id"},
		{connectorsPath, "id desc,displayName"},
		{connectorsPath, "displayName,id"},
		{connectorsPath, "displayName desc,id"},
		{connectorsPath, "displayName,id desc"},
		{connectorsPath, "targetUrl desc,displayName,id desc"},
		{"/v1.0/auditLogs/directoryAudits", "id"},
		{"/v1.0/auditLogs/directoryAudits", "activityDateTime desc,id"},
		{"/v1.0/auditLogs/directoryAudits", "category,id desc"},
		{"/v1.0/auditLogs/directoryAudits", "loggedByService,activityDateTime"},
	} {
		t.Run(walk.path+" by "+walk.order, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			target := walk.path + "?$top=2&$orderby=" + url.QueryEscape(walk.order)
			for pages := 0; target != "" && pages < 10; pages++ {
				got := site.do(t, client, caller, "GET", target, "")
				var page struct {
					Value []struct{ ID string }
					Next  string `json:"@odata.nextLink"`
				}
				if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
					t.Fatalf("page %d: %d %v %s", pages, got.status, err, got.body)
				}
				for _, item := range page.Value {
					if seen[item.ID] {
						t.Errorf("%s came twice", item.ID)
					}
					seen[item.ID] = true
				}
				_, target, _ = strings.Cut(page.Next, "://graph.example")
			}
			if len(seen) != 5 {
				t.Errorf("%d seen, want 5", len(seen))
			}
		})
	}
}
