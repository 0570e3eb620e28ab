package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/conformance/harness"
)

// object is a JSON object.
type object = map[string]any

const (
	secret     = "the secret of every client here"
	password   = "the password of every person here"
	signedInAt = "https://console.contoso.example/signed-in"
)

// documented is the one block of docs/keycloak.md in that language.
func documented(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(harness.Root(), "docs", "keycloak.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 1 {
		t.Fatalf("docs/keycloak.md has %d blocks of %s, want 1", len(blocks), language)
	}
	return blocks[0][1]
}

// replace puts values for what stands for them in a documented block, each of which must be there once.
func replace(t *testing.T, text string, values map[string]string) string {
	t.Helper()
	for placeholder, value := range values {
		if strings.Count(text, placeholder) != 1 {
			t.Fatalf("docs/keycloak.md does not have %q once in its block", placeholder)
		}
		text = strings.ReplaceAll(text, placeholder, value)
	}
	return text
}

// realm is the documented realm under a name, with the clients and people of the checks beside those that it has. Its client
// impostor claims to be of the tenant.
func realm(t *testing.T, name, tenant string) []byte {
	t.Helper()
	var r object
	text := replace(t, documented(t, "json"), map[string]string{`"contoso"`: `"` + name + `"`, "<client secret>": secret})
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	audience := mapper("audience", "oidc-audience-mapper", object{"included.client.audience": "patchbay"})
	short := application("short", audience)
	short["attributes"] = object{"access.token.lifespan": "1"}
	r["clients"] = append(r["clients"].([]any),
		application("reader", audience), application("nobody", audience), application("provider", audience), application("auditor", audience), short,
		application("elsewhere"),
		application("impostor", audience, mapper("tid", "oidc-hardcoded-claim-mapper", object{
			"claim.name": "tid", "claim.value": tenant, "jsonType.label": "String",
		})),
		// People give it their passwords, and it has no scope claim.
		object{"clientId": "legacy", "publicClient": true, "directAccessGrantsEnabled": true, "protocolMappers": []any{audience}},
	)
	writes := object{"patchbay": []any{"APIConnectors.ReadWrite.All"}}
	administrators := []any{"User flow administrators"}
	r["users"] = append(r["users"].([]any),
		account("reader", "APIConnectors.Read.All"), account("short", "APIConnectors.Read.All"), account("impostor", "APIConnectors.Read.All"),
		account("provider", "UserFlows.Invoke.All", "UserFlowInvocation.Read.All"), account("auditor", "AuditLog.Read.All"),
		person("ada", object{"patchbay": []any{"UserFlowInvocation.Read.All", "UserFlows.Invoke.All"}}, administrators),
		person("grace", writes, administrators), person("linus", writes, nil),
	)
	made, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func application(id string, mappers ...any) object {
	return object{"clientId": id, "secret": secret, "serviceAccountsEnabled": true, "standardFlowEnabled": false, "protocolMappers": mappers}
}

// account is the service account of a client, with these permissions.
func account(client string, permissions ...string) object {
	return object{
		"username": "service-account-" + client, "enabled": true, "serviceAccountClientId": client, "clientRoles": object{"patchbay": permissions},
	}
}

func person(name string, roles object, groups []any) object {
	return object{
		"username": name, "enabled": true, "email": name + "@contoso.example", "emailVerified": true, "firstName": name, "lastName": "Example",
		"clientRoles": roles, "groups": groups, "credentials": []any{object{"type": "password", "value": password}},
	}
}

func mapper(name, kind string, config object) object {
	config["access.token.claim"] = "true"
	return object{"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config}
}
