package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/internal/edge/graph"
)

// TestBatchAnswerIsBounded: once the answers of a batch have reached 8 MiB, the rest is not carried out.
func TestBatchAnswerIsBounded(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	client := site.client()
	caller := site.authorization(t, "admin")
	long := strings.Repeat("x", 1900)
	for n := range 400 {
		body := fmt.Sprintf(`{"displayName":"%d","targetUrl":"https://a.example/%s","authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":"p"}}`, n, long)
		if got := site.do(t, client, caller, "POST", connectorsPath, body); got.status != http.StatusCreated {
			t.Fatalf("create: %d %s", got.status, got.body)
		}
	}
	var items []string
	for n := range 20 {
		items = append(items, fmt.Sprintf(`{"id":"%d","method":"GET","url":"/identity/apiConnectors?$top=999"}`, n))
	}
	got := site.do(t, client, caller, "POST", "/v1.0/$batch", `{"requests":[`+strings.Join(items, ",")+`]}`)
	const most = 8<<20 + 1<<20 // the last answer may go over it
	if got.status != http.StatusOK || len(got.body) > most {
		t.Fatalf("%d, %d octets, want at most %d", got.status, len(got.body), most)
	}
	var answer struct{ Responses []struct{ Status int } }
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
		t.Fatal(err)
	}
	first, last := answer.Responses[0].Status, answer.Responses[len(answer.Responses)-1].Status
	if len(answer.Responses) != 20 || first != http.StatusOK || last != http.StatusRequestEntityTooLarge {
		t.Errorf("%d responses, the first %d, the last %d", len(answer.Responses), first, last)
	}
}

// TestRefusalsCount: a batch that cannot be read, and a request of a batch that is not carried out, are counted by the
// throttle like any other.
func TestRefusalsCount(t *testing.T) {
	t.Parallel()
	for label, body := range map[string]string{
		"no envelope":             `{"requests":[]}`,
		"an item without a type":  `{"requests":[{"id":"1","method":"POST","url":"/identity/apiConnectors","body":{}}]}`,
		"an item with a full URL": `{"requests":[{"id":"1","method":"GET","url":"https://graph.example/v1.0/identity"}]}`,
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			site := build(t, settings{graph: graph.Options{Throttle: graph.ThrottleGraph}})
			client := site.client()
			caller := site.authorization(t, "admin")
			for range 200 {
				if got := site.do(t, client, caller, "POST", "/v1.0/$batch", body); strings.Contains(got.body, "TooManyRequests") {
					t.Fatal("refused too early")
				}
			}
			if got := site.do(t, client, caller, "POST", "/v1.0/$batch", body); !strings.Contains(got.body, "TooManyRequests") {
				t.Errorf("the 201st: %d %s", got.status, got.body)
			}
		})
	}
}

// TestBatchIDsAreBounded: an id comes back in answers and the log.
func TestBatchIDsAreBounded(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	body := `{"requests":[{"id":"` + strings.Repeat("i", 257) + `","method":"GET","url":"/identity"}]}`
	got := site.do(t, site.client(), site.authorization(t, "admin"), "POST", "/v1.0/$batch", body)
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, "at most 256 octets") {
		t.Errorf("%d %s", got.status, got.body)
	}
	body = `{"requests":[{"id":"1","method":"GET","url":"/identity/apiConnectors/` + strings.Repeat("x", 20_000) + `"}]}`
	got = site.do(t, site.client(), site.authorization(t, "admin"), "POST", "/v1.0/$batch", body)
	if !strings.Contains(got.body, `"status":414`) || len(got.body) > 2000 {
		t.Errorf("%d, %d octets", got.status, len(got.body))
	}
}
