package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestTargetFindsHalfWrittenSecrets calls the target with the parts of one write, and of two.
func TestTargetFindsHalfWrittenSecrets(t *testing.T) {
	t.Parallel()
	var findings Findings
	target, err := StartTarget("127.0.0.1", &findings)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(target.Roots))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	post := func(path, username, password string) string {
		r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, target.URL+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(username, password)
		r.Header.Set("Patchbay-Invocation-Id", "i")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return string(text)
	}
	if text := post("/3", "user 3", "password 3"); !strings.Contains(text, `"displayName":"1"`) {
		t.Errorf("answered %s", text)
	}
	if got, known := target.take("1"); !known || got != (call{"i", 3}) {
		t.Errorf("remembered %+v, %t", got, known)
	}
	if found := findings.All(); len(found) > 0 {
		t.Errorf("a whole secret: %v", found)
	}
	post("/3", "user 3", "password 2")
	post("/2", "user 3", "password 3")
	post("/3", "", "")
	if found := findings.All(); len(found) != 3 || found[0].Kind != Torn {
		t.Errorf("three calls with parts: %v", found)
	}
}
