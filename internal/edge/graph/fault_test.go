package graph_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// lines are the lines of the log about requests, as JSON objects.
func (j *journal) lines(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(j.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if fields["msg"] == "request" {
			all = append(all, fields)
		}
	}
	return all
}

// TestFaultOfOurs: a database that is gone is a 500 that tells the client nothing, and the log everything, under one
// request id; within a batch it is the fault of one request, and an error in the log all the same.
func TestFaultOfOurs(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	client := site.client()
	caller := site.authorization(t, "admin")
	if got := site.do(t, client, caller, "GET", connectorsPath+"/x", ""); got.status != http.StatusNotFound {
		t.Fatalf("%d", got.status)
	}
	if err := site.manage.Store.Close(); err != nil {
		t.Fatal(err)
	}
	got := site.do(t, client, caller, "GET", connectorsPath, "")
	if got.status != http.StatusInternalServerError || !strings.Contains(got.body, `"code":"InternalServerError","message":"An internal error occurred.`) || strings.Contains(got.body, "database") {
		t.Errorf("%d %s", got.status, got.body)
	}
	batch := site.do(t, client, caller, "POST", "/v1.0/$batch", `{"requests":[{"id":"one","method":"DELETE","url":"/identity/apiConnectors/x"},{"id":"two","method":"GET","url":"/unknown"}]}`)
	if batch.status != http.StatusOK || !strings.Contains(batch.body, `{"id":"one","status":500,`) || !strings.Contains(batch.body, `{"id":"two","status":400,`) || strings.Contains(batch.body, "database") {
		t.Errorf("%d %s", batch.status, batch.body)
	}
	site.do(t, client, caller, "POST", "/v1.0/$batch", `{"requests":[{"id":"two","method":"GET","url":"/unknown"}]}`)

	log := site.log.lines(t)
	want := []struct {
		level, route, about string
	}{
		{"INFO", "/identity/apiConnectors/{id}", "'x' does not exist"},
		{"ERROR", "/identity/apiConnectors", "database is closed"},
		{"ERROR", "/$batch", "database is closed"},
		{"INFO", "/$batch", "Resource not found for the segment 'unknown'"},
	}
	if len(log) != len(want) {
		t.Fatalf("%d log lines", len(log))
	}
	for i, w := range want {
		text, _ := log[i]["error"].(string)
		if log[i]["level"] != w.level || log[i]["route"] != w.route || !strings.Contains(text, w.about) || log[i]["tenant_id"] != contoso || log[i]["app_id"] != appID {
			t.Errorf("line %d: %v, want %+v", i, log[i], w)
		}
	}
	if id := got.header.Get("request-id"); id == "" || log[1]["request_id"] != id || !strings.Contains(got.body, id) {
		t.Errorf("request id %q in the answer, %v in the log", id, log[1]["request_id"])
	}
	if text, _ := log[2]["error"].(string); !strings.Contains(text, `request "one"`) || !strings.Contains(text, `request "two"`) {
		t.Errorf("the log of a batch names %q", text)
	}
}
