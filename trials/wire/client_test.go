package wire

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestOutcomes tells what a client knows of a request from how it was answered, or not.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cut":
			connection, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = connection.Close()
			}
		case "/half":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		case "/silent":
			_, _ = io.Copy(io.Discard, r.Body) // only then is the end of the connection noticed
			<-r.Context().Done()
		default:
			w.Header().Set("request-id", "r")
			w.WriteHeader(map[string]int{"/204": 204, "/404": 404, "/429": 429, "/500": 500, "/502": 502, "/503": 503, "/504": 504}[r.URL.Path])
		}
	}))
	defer server.Close()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	for target, want := range map[string]Outcome{
		"/204": Done, "/404": Done, "/429": Refused, "/503": Refused, "/500": Unknown, "/502": Unknown, "/504": Unknown,
		"/cut": Unknown, "/half": Unknown, "/silent": Unknown, "nobody": Refused,
	} {
		client := New(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, server.URL, App{})
		path := target
		if target == "nobody" {
			client, path = client.At("http://"+nobody.Addr().String()), "/"
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if target == "/silent" {
			ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
		}
		answer := client.Do(ctx, http.MethodPatch, path, map[string]string{}, nil)
		cancel()
		if answer.Outcome != want {
			t.Errorf("%s: %s, want %s: %+v", target, answer.Outcome, want, answer)
		}
		if target == "/204" && answer.RequestID != "r" {
			t.Errorf("the request id is %q", answer.RequestID)
		}
	}
}

// TestPages follows links, as Graph and as Patchbay's own surface write them, at the address where it began.
func TestPages(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := map[string]string{
			"":  `{"value":[1,2],"@odata.nextLink":"https://elsewhere.example/list?page=2"}`,
			"2": `{"value":[3],"nextLink":"https://elsewhere.example/list?page=3"}`,
			"3": `{"value":[4]}`,
		}[r.URL.Query().Get("page")]
		_, _ = w.Write([]byte(text))
	}))
	defer server.Close()
	client := New(server.Client(), server.URL, App{})
	all, err := pages[int](t.Context(), client, "/list", nil)
	if err != nil || len(all) != 4 {
		t.Errorf("read %v, %v", all, err)
	}
	var seen int
	if _, err = pages(t.Context(), client, "/list", func(page []int) bool { seen += len(page); return seen < 3 }); err != nil || seen != 3 {
		t.Errorf("stopped after %d, %v", seen, err)
	}
	if _, err = pages[int](t.Context(), client.At(server.URL+"/list?page=9&x="), "/nothing?secret=s", nil); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a page that is not JSON: %v", err)
	}
}
