package manage_test

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/guard"
	"github.com/patchbay/patchbay/internal/manage"
)

// TestTargetsThatAreBlockedAreNotStored takes the guard's corpus through create and update: a URL with a blocked address
// in any spelling is refused with the reason and nothing is stored; what may be dialled, and every name, is stored.
func TestTargetsThatAreBlockedAreNotStored(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	addresses, err := guard.New(guard.Enforce, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	i.Manage.CheckTarget = addresses.CheckURL
	made, err := i.Manage.CreateConnector(t.Context(), i.Operator, manage.ConnectorPatch{
		DisplayName: text("Check"), TargetURL: text("https://api.contoso.example/"), Authentication: given("username", "u", "password", "p"),
	}, manage.Once{})
	if err != nil {
		t.Fatal(err)
	}
	refused, stored := 0, 0
	for url, blocked := range corpus(t) {
		_, createErr := i.Manage.CreateConnector(t.Context(), i.Operator, manage.ConnectorPatch{
			DisplayName: text("Check"), TargetURL: &url, Authentication: given("username", "u", "password", "p"),
		}, manage.Once{})
		_, updateErr := i.Manage.UpdateConnector(t.Context(), i.Operator, made.ID, manage.ConnectorPatch{TargetURL: &url}, manage.Precondition{})
		for operation, err := range map[string]error{"create": createErr, "update": updateErr} {
			e := apiconn.AsError(err)
			switch {
			case blocked && (e == nil || e.Kind != apiconn.Invalid || e.Field != "targetUrl"):
				t.Errorf("%s with %s: %v, want it refused", operation, url, err)
			case !blocked && err != nil && strings.Contains(e.Message, "cannot be called"):
				t.Errorf("%s with %s: %v, want it stored", operation, url, err)
			case err != nil:
				refused++
			default:
				stored++
			}
		}
	}
	if refused < 600 || stored < 100 {
		t.Errorf("%d refusals and %d changes: the corpus is not what it was", refused, stored)
	}
}

// corpus is the guard's addresses and spellings as URLs, and whether each is blocked.
func corpus(t *testing.T) map[string]bool {
	t.Helper()
	file, err := os.Open("../guard/testdata/addresses.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	urls := map[string]bool{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		parts := strings.Split(lines.Text(), "\t")
		if len(parts) < 3 || strings.HasPrefix(parts[0], "#") {
			continue
		}
		url := "https://" + parts[2] + "/"
		switch parts[1] {
		case "url":
			url = parts[2]
		case "address":
			if a, err := netip.ParseAddr(parts[2]); err == nil {
				url = "https://" + strings.ReplaceAll(net.JoinHostPort(a.String(), "443"), "%", "%25") + "/"
			}
		}
		urls[url] = parts[0] == "refuse"
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return urls
}
