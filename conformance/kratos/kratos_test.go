package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/conformance/harness"
)

// password is the one that all users have; Kratos wants it to be unlike the e-mail address.
const password = "correct-horse-9471"

// hook is what an administrator puts into the settings that docs/kratos.md shows.
type hook struct {
	url            string
	user, password string
}

// kratos is a running Ory Kratos with a database of its own.
type kratos struct {
	*harness.Process
	public, admin string // base URLs
	client        *http.Client
}

// startKratos runs Kratos with the documented hook and returns when it is ready.
func startKratos(ctx context.Context, binary, dir, caFile string, h hook) (*kratos, error) {
	public, admin, err := freePorts()
	if err != nil {
		return nil, err
	}
	k := &kratos{client: &http.Client{Timeout: time.Minute}}
	k.public, k.admin = "http://127.0.0.1:"+strconv.Itoa(public), "http://127.0.0.1:"+strconv.Itoa(admin)
	files, err := configure(dir, k, public, admin, h)
	if err != nil {
		return nil, err
	}
	variables := harness.BareEnvironment("SSL_CERT_FILE=" + caFile)
	migration := harness.Prepare(ctx, variables, binary, append([]string{"migrate", "sql", "--read-from-env", "--yes"}, files...)...)
	if err := migration.Start(); err != nil {
		return nil, err
	}
	if <-migration.Exited; migration.Exit != nil {
		return nil, fmt.Errorf("kratos migrate: %w\n%s", migration.Exit, &migration.Log)
	}
	k.Process = harness.Prepare(ctx, variables, binary, append([]string{"serve", "--sqa-opt-out"}, files...)...)
	k.Command.Stdout = &k.Log
	if err := k.Start(); err != nil {
		return nil, err
	}
	return k, k.ready(ctx)
}

// configure writes the settings of Kratos into dir: a minimum that any Kratos has, and beside it what docs/kratos.md says.
func configure(dir string, k *kratos, public, admin int, h hook) (flags []string, err error) {
	schema, err := filepath.Abs(filepath.Join("testdata", "identity.schema.json"))
	if err != nil {
		return nil, err
	}
	type object map[string]any
	const key = "a-secret-of-thirty-two-octets-..."
	plain, err := json.Marshal(object{
		"dsn": "sqlite://" + filepath.Join(dir, "kratos.sqlite") + "?_fk=true",
		"serve": object{
			"public": object{"host": "127.0.0.1", "port": public, "base_url": k.public + "/"},
			"admin":  object{"host": "127.0.0.1", "port": admin},
		},
		"selfservice": object{
			"default_browser_return_url": k.public + "/",
			"methods":                    object{"password": object{"enabled": true, "config": object{"haveibeenpwned_enabled": false}}},
			"flows":                      object{"registration": object{"enabled": true, "ui_url": k.public + "/registration"}},
		},
		"identity": object{"default_schema_id": "person", "schemas": []object{{"id": "person", "url": "file://" + schema}}},
		"secrets":  object{"cookie": []string{key}, "cipher": []string{key[:32]}},
		"hashers":  object{"algorithm": "bcrypt", "bcrypt": object{"cost": 4}},
		"courier":  object{"smtp": object{"connection_uri": "smtp://127.0.0.1:1/"}},
		"log":      object{"level": "info", "format": "json"},
	})
	if err != nil {
		return nil, err
	}
	template := filepath.Join(dir, "patchbay.jsonnet")
	snippet, err := documented("jsonnet")
	if err != nil {
		return nil, err
	}
	settings, err := documentedHook(template, h)
	if err != nil {
		return nil, err
	}
	files := []struct{ path, text string }{
		{filepath.Join(dir, "kratos.json"), string(plain)}, {filepath.Join(dir, "hook.yml"), settings}, {template, snippet},
	}
	for _, file := range files {
		if err := os.WriteFile(file.path, []byte(file.text), 0o600); err != nil {
			return nil, err
		}
	}
	return []string{"--config", files[0].path, "--config", files[1].path}, nil
}

// documented is the one block of docs/kratos.md in that language.
func documented(language string) (string, error) {
	page, err := os.ReadFile(filepath.Join(harness.Root(), "docs", "kratos.md"))
	if err != nil {
		return "", err
	}
	blocks := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 1 {
		return "", fmt.Errorf("docs/kratos.md has %d blocks of %s, want 1", len(blocks), language)
	}
	return blocks[0][1], nil
}

// documentedHook is the documented settings with what is an administrator's own put in.
func documentedHook(template string, h hook) (string, error) {
	settings, err := documented("yaml")
	if err != nil {
		return "", err
	}
	for placeholder, value := range map[string]string{
		"https://patchbay.example.com/runtime/v1/adapters/kratos/B2X_1_signup/postAttributeCollection": h.url,
		"file:///etc/kratos/patchbay.jsonnet": "file://" + template,
		"<tenant id>/<client id>":             h.user,
		"<client secret>":                     h.password,
	} {
		if strings.Count(settings, placeholder) != 1 {
			return "", fmt.Errorf("the settings in docs/kratos.md do not have %q once", placeholder)
		}
		settings = strings.ReplaceAll(settings, placeholder, value)
	}
	return settings, nil
}

// freePorts finds two ports that nobody listens on.
func freePorts() (a, b int, err error) {
	var ports [2]int
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, 0, err
		}
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports[0], ports[1], nil
}

// ready waits until Kratos says that it is.
func (k *kratos) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, harness.ReadyWithin)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.public+"/health/ready", nil)
		if err != nil {
			return err
		}
		if harness.Exchange(k.client, request, http.StatusOK, nil) == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-k.Exited:
			return fmt.Errorf("kratos serve ended at once: %w\n%s", k.Exit, &k.Log)
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("kratos was not ready within %s\n%s", harness.ReadyWithin, &k.Log), k.Stop())
		}
	}
}

// form is a registration form that Kratos waits for.
type form struct {
	client *http.Client
	action string // where it is sent
	csrf   string // of a browser's form
}

// message is a text for the user.
type message struct {
	ID      int             `json:"id"`
	Text    string          `json:"text"`
	Type    string          `json:"type"`
	Context json.RawMessage `json:"context"`
}

// shown is a form as Kratos gives it to whoever draws it.
type shown struct {
	UI struct {
		Action   string    `json:"action"`
		Messages []message `json:"messages"`
		Nodes    []struct {
			Attributes struct {
				Name  string `json:"name"`
				Value any    `json:"value"`
			} `json:"attributes"`
			Messages []message `json:"messages"`
		} `json:"nodes"`
	} `json:"ui"`
}

// outcome is what became of a form that was sent.
type outcome struct {
	status   int
	identity string               // the id of the new identity, "" if there is none
	messages []message            // above the form
	fields   map[string][]message // by the name of the input; only those with messages
	values   map[string]any       // by the name of the input
	text     string               // the answer as it came
}

// open begins a registration: kind is api, for apps, or browser.
func (k *kratos) open(t *testing.T, kind string) form {
	t.Helper()
	request, err := harness.JSONRequest(t.Context(), http.MethodGet, k.public+"/self-service/registration/"+kind, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	f := form{client: k.client}
	if kind == "browser" {
		// Of its own, as any browser: Kratos lets no app send cookies.
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		f.client = &http.Client{Jar: jar, Timeout: k.client.Timeout}
	}
	var opened shown
	if err := harness.Exchange(f.client, request, http.StatusOK, &opened); err != nil {
		t.Fatal(err)
	}
	f.action = opened.UI.Action
	for _, node := range opened.UI.Nodes {
		if node.Attributes.Name == "csrf_token" {
			f.csrf, _ = node.Attributes.Value.(string)
		}
	}
	return f
}

// send sends the form as a browser in Switzerland would.
func (f form) send(t *testing.T, traits map[string]any) outcome {
	t.Helper()
	body := map[string]any{"method": "password", "password": password, "traits": traits, "csrf_token": f.csrf}
	request, err := harness.JSONRequest(t.Context(), http.MethodPost, f.action, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Accept-Language", "de-CH,de;q=0.9,en;q=0.8")
	response, err := f.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		shown
		Identity struct {
			ID string `json:"id"`
		} `json:"identity"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("Kratos answered %d with something that is not JSON: %s", response.StatusCode, text)
	}
	o := outcome{
		status: response.StatusCode, identity: answer.Identity.ID, messages: answer.UI.Messages,
		fields: map[string][]message{}, values: map[string]any{}, text: string(text),
	}
	for _, node := range answer.UI.Nodes {
		if len(node.Messages) > 0 {
			o.fields[node.Attributes.Name] = node.Messages
		}
		o.values[node.Attributes.Name] = node.Attributes.Value
	}
	return o
}

// traits are those of the identity that has the e-mail address, nil if there is none.
func (k *kratos) traits(t *testing.T, email string) map[string]any {
	t.Helper()
	var found []struct {
		Traits map[string]any `json:"traits"`
	}
	request, err := harness.JSONRequest(t.Context(), http.MethodGet, k.admin+"/admin/identities?credentials_identifier="+url.QueryEscape(email), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := harness.Exchange(k.client, request, http.StatusOK, &found); err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		return nil
	}
	return found[0].Traits
}
