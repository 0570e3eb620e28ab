package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/patchbay/patchbay/trials/program"
	"github.com/patchbay/patchbay/trials/wire"
)

// Variable names the directory of the cluster that the trials run on, which ./run brought up.
const Variable = "TRIALS_CLUSTER"

// Roles are the permissions of the apps that the trials make for themselves.
var Roles = []string{
	"APIConnectors.ReadWrite.All", "IdentityUserFlow.ReadWrite.All", "AuditLog.Read.All", "UserFlows.Invoke.All", "UserFlowInvocation.Read.All",
}

// Node is one Patchbay.
type Node struct {
	Name   string // as the commands know it
	Base   string // its own URL, without a balancer
	Health string // its URL of /readyz
}

// Cluster is a running Patchbay of one or more nodes.
type Cluster struct {
	URL    string // through the balancer
	Nodes  []Node
	CAFile string
	Host   string // address of this machine that every node reaches
	Facts  map[string]string

	health   *http.Client
	do       func(ctx context.Context, command string, args ...string) (string, error)
	patchbay func(ctx context.Context, args ...string) *exec.Cmd
	sql      func(ctx context.Context, statement string) (string, error)
}

// Open finds the cluster that the variable names. root is the top of the repository.
func Open(root string) (*Cluster, error) {
	dir := os.Getenv(Variable)
	if dir == "" {
		return nil, fmt.Errorf("%s names no cluster; ./run brings one up and sets it", Variable)
	}
	text, err := os.ReadFile(filepath.Join(dir, "cluster.env")) //nolint:gosec // the directory is whoever's who runs the trials
	if err != nil {
		return nil, err
	}
	facts := parse(string(text))
	target, err := url.Parse(facts["TARGET_URL"])
	if err != nil {
		return nil, err
	}
	tool := filepath.Join(root, "deploy", "cluster", "cluster")
	c := &Cluster{URL: facts["PATCHBAY_URL"], CAFile: facts["CA_FILE"], Host: target.Hostname(), Facts: facts, health: plain()}
	for i := 1; facts[fmt.Sprintf("NODE%d_DIRECT", i)] != ""; i++ {
		c.Nodes = append(c.Nodes, Node{
			Name: fmt.Sprintf("node%d", i), Base: facts[fmt.Sprintf("NODE%d_DIRECT", i)], Health: facts[fmt.Sprintf("NODE%d_HEALTH", i)],
		})
	}
	prepare := func(ctx context.Context, command string, args ...string) *exec.Cmd {
		return program.Command(ctx, tool, append([]string{command, dir}, args...)...)
	}
	c.do = func(ctx context.Context, command string, args ...string) (string, error) {
		return output(prepare(ctx, command, args...))
	}
	c.patchbay = func(ctx context.Context, args ...string) *exec.Cmd { return prepare(ctx, "patchbay", args...) }
	c.sql = func(ctx context.Context, statement string) (string, error) {
		return c.do(ctx, "psql", "-tAc", statement)
	}
	return c, nil
}

// plain is a client of the nodes' own listeners.
func plain() *http.Client { return &http.Client{Transport: &http.Transport{}} }

// parse reads lines of NAME=VALUE.
func parse(text string) map[string]string {
	facts := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			facts[name] = strings.Trim(value, `"'`)
		}
	}
	return facts
}

// output is what a command prints. An error has what it said.
func output(command *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	command.WaitDelay = time.Second
	if err := command.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", strings.Join(command.Args[1:], " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// CanCut tells whether the networks of the cluster can be cut, which takes root.
func (c *Cluster) CanCut() bool { return c.Facts["CLUSTER_CUT"] == "yes" }

// Do runs a command of the cluster: kill, stop, start, cut, heal, wait.
func (c *Cluster) Do(ctx context.Context, command string, args ...string) error {
	_, err := c.do(ctx, command, args...)
	return err
}

// Command is a local command of Patchbay, with the settings of the nodes.
func (c *Cluster) Command(ctx context.Context, args ...string) *exec.Cmd {
	return c.patchbay(ctx, args...)
}

// Local runs a local command of Patchbay and returns what it prints.
func (c *Cluster) Local(ctx context.Context, args ...string) (string, error) {
	return output(c.patchbay(ctx, args...))
}

// Tenant makes a tenant with an app, and returns the app.
func (c *Cluster) Tenant(ctx context.Context, name string) (wire.App, error) {
	create := []string{"app", "create", "trials", "--tenant", name}
	for _, role := range Roles {
		create = append(create, "--role", role)
	}
	var tenant, app, secret struct {
		ID     string `json:"id"`
		Client string `json:"client_id"`
		Secret string `json:"secret"`
	}
	if err := c.localJSON(ctx, &tenant, "tenant", "create", name); err != nil {
		return wire.App{}, err
	}
	if err := c.localJSON(ctx, &app, create...); err != nil {
		return wire.App{}, err
	}
	if err := c.localJSON(ctx, &secret, "app", "secret", "add", app.Client, "--tenant", name); err != nil {
		return wire.App{}, err
	}
	return wire.App{Tenant: tenant.ID, ID: app.Client, Secret: secret.Secret}, nil
}

func (c *Cluster) localJSON(ctx context.Context, into any, args ...string) error {
	text, err := c.Local(ctx, append(args, "--output", "json")...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("%s printed something that is not the expected JSON: %w", strings.Join(args, " "), err)
	}
	return nil
}

// Client makes a tenant of its own for a trial, and a client for it that goes through the balancer and has a token.
func (c *Cluster) Client(ctx context.Context, trial string) (*wire.Client, error) {
	app, err := c.Tenant(ctx, fmt.Sprintf("%s-%d.example", trial, time.Now().UnixMilli()))
	if err != nil {
		return nil, err
	}
	pool, err := wire.Pool(c.CAFile)
	if err != nil {
		return nil, err
	}
	client := wire.New(pool, c.URL, app)
	return client, client.Authorize(ctx)
}

// Ready tells whether a node says that it is ready.
func (c *Cluster) Ready(ctx context.Context, n Node) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.Health+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	request.Close = true // the node may be another process the next time
	response, err := c.health.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// errNotReady is what AllReady returns in the end.
var errNotReady = errors.New("not all nodes were ready in time")

// AllReady waits until every node is ready.
func (c *Cluster) AllReady(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(25 * time.Millisecond)
	defer ticker.Stop()
	waiting := c.Nodes
	for {
		for len(waiting) > 0 && c.Ready(ctx, waiting[0]) {
			waiting = waiting[1:]
		}
		if len(waiting) == 0 {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s", errNotReady, waiting[0].Name)
		}
	}
}
