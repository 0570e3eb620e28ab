package app

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/transfer"
)

// What the commands that move connectors and user flows work with.
type (
	// Document is what can be moved, without secrets.
	Document = transfer.Document
	// Plan is what would make a tenant match a document.
	Plan = transfer.Plan
	// PlanStep is one thing to do.
	PlanStep = transfer.Step
	// PlanOptions say how far a plan goes.
	PlanOptions = transfer.Options
)

// The actions of a plan's steps.
const (
	PlanCreate = transfer.Create
	PlanChange = transfer.Change
	PlanDelete = transfer.Delete
	PlanSame   = transfer.Same
)

// TransferForms are the forms in which documents are read and written, the one of our own first.
func TransferForms() []string { return transfer.Forms() }

// maxDocument bounds a file, which is kept in memory.
const maxDocument = 64 << 20

// ReadDocument reads files of one document, "-" being stdin; form is "" to be guessed for each.
func ReadDocument(paths []string, form string, stdin io.Reader) (Document, error) {
	var all Document
	for i, path := range paths {
		content, err := readDocumentFile(path, stdin)
		if err != nil {
			return all, err
		}
		as := transfer.Form(form)
		if as == "" {
			if as, err = transfer.Guess(path, content); err != nil {
				return all, err
			}
		}
		one, err := transfer.Read(as, content)
		if err != nil {
			return all, fmt.Errorf("%s: %w", path, err)
		}
		one.Rebase(filepath.Dir(path))
		if i == 0 {
			all = one
			continue
		}
		all.Merge(one)
	}
	return all, all.Check()
}

func readDocumentFile(path string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	content, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
	if err == nil && len(content) > maxDocument {
		err = fmt.Errorf("it is larger than %d MB", maxDocument>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return content, nil
}

// GiveSecrets lays a file of secrets, which nobody else may read, over a document.
func GiveSecrets(d *Document, path string) error {
	content, err := readPrivateFile(path, "the file of secrets")
	if err != nil {
		return err
	}
	secrets, err := transfer.ReadSecrets(content)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	secrets.Rebase(filepath.Dir(path))
	return d.Give(secrets)
}

// WriteSecretsTemplate writes a file of secrets for what a plan lacks. It replaces no file: one that is there may be filled in.
func WriteSecretsTemplate(p Plan, path string) error {
	content, err := transfer.SecretsTemplate(p)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, modePrivateFile)
	if err != nil {
		return fmt.Errorf("write the file of secrets: %w", err)
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// WriteDocument writes a document in a form. A file is private: it holds no secret, but a targetUrl may have a key in its query.
func WriteDocument(d Document, form, path string, stdout io.Writer) error {
	content, err := transfer.Write(transfer.Form(form), d)
	if err != nil {
		return err
	}
	if path == "" || path == "-" {
		_, err = stdout.Write(content)
		return err
	}
	return writeFile(path, content, modePrivateFile)
}

// Transfer moves documents into a service and out of it.
type Transfer struct {
	Remote    *Remote
	LookupEnv func(name string) (string, bool)
	Progress  func(done, total int, what string) // how far something is, at its end done is total; may be nil

	Notes []string // what the service did not show, after Plan

	mu     sync.Mutex // held while Progress runs
	want   Document
	loaded map[int]givenSecrets // by the index of the connector
}

// givenSecrets are those of one connector, in the clear.
type givenSecrets struct {
	password *string
	pkcs12   []byte
}

// Format writes nothing of them, whatever the verb.
func (givenSecrets) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "{secrets}") }

func (t *Transfer) progress(done, total int, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Progress != nil {
		t.Progress(done, total, what)
	}
}

// Plan says what would make the service match a document. unread are the secrets that are needed, and said to be somewhere
// where they cannot be read.
func (t *Transfer) Plan(ctx context.Context, want Document, o PlanOptions) (plan Plan, unread []error, err error) {
	t.want, t.loaded = want, map[int]givenSecrets{}
	for i := range want.Connectors { // a certificate can be compared, so it is looked at
		c := &want.Connectors[i]
		if c.Authentication.Kind != transfer.WithCertificate || c.Authentication.PKCS12 == nil {
			continue
		}
		if err := t.load(i); err != nil {
			unread = append(unread, err)
			continue
		}
		if c.Authentication.Thumbprint, err = thumbprint(ctx, t.loaded[i]); err != nil {
			return plan, nil, fmt.Errorf("the PKCS#12 file of %q: %w", c.Name, err)
		}
	}
	have, err := t.read(ctx, parts{calls: wantsCall(want), flows: want.HasFlows || o.Prune}, want)
	if err != nil {
		return plan, nil, err
	}
	t.Notes = have.Notes
	if plan, err = transfer.Compare(want, have, o); err != nil {
		return plan, nil, err
	}
	for _, step := range plan.Steps {
		if step.SetProof && !step.IsFlow && len(step.Lacks) == 0 && want.Connectors[step.Index].Authentication.Kind == transfer.Basic {
			if err := t.load(step.Index); err != nil {
				unread = append(unread, err)
			}
		}
	}
	return plan, unread, nil
}

func wantsCall(d Document) bool {
	for _, c := range d.Connectors {
		if c.Call != nil {
			return true
		}
	}
	return false
}

// load reads the secrets of a connector.
func (t *Transfer) load(i int) error {
	c := t.want.Connectors[i]
	var given givenSecrets
	if r := c.Authentication.PKCS12; r != nil {
		file := r.File
		if file == "" {
			value, set := t.LookupEnv(r.Env)
			if !set || value == "" {
				return fmt.Errorf("the PKCS#12 file of %q: the environment variable %s is not set", c.Name, r.Env)
			}
			decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value), ""))
			if err != nil {
				return fmt.Errorf("the PKCS#12 file of %q: the environment variable %s is not base64", c.Name, r.Env)
			}
			given.pkcs12 = decoded
		} else {
			content, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("the PKCS#12 file of %q: %w", c.Name, err)
			}
			given.pkcs12 = content
		}
	}
	if r := c.Authentication.Password; r != nil {
		password, err := t.secret(*r, fmt.Sprintf("the password of %q", c.Name))
		if err != nil {
			return err
		}
		given.password = &password
	}
	t.loaded[i] = given
	return nil
}

// secret reads a secret from where it is.
func (t *Transfer) secret(r transfer.Reference, what string) (string, error) {
	if value, there := r.Value(); there {
		return value, nil
	}
	if r.Env != "" {
		if value, set := t.LookupEnv(r.Env); set && value != "" {
			return value, nil
		}
		return "", fmt.Errorf("%s: the environment variable %s is not set", what, r.Env)
	}
	return ReadSecret(r.File, nil, what)
}

// thumbprint opens a PKCS#12 file as the service would, so that one that it would refuse stops everything before anything is done.
func thumbprint(ctx context.Context, given givenSecrets) (string, error) {
	password := ""
	if given.password != nil {
		password = *given.password
	}
	proposal, err := credential.NewIntake(1).Read(ctx, "", credential.Given{
		Type:    "microsoft.graph.pkcs12Certificate",
		Members: map[string]any{"pkcs12Value": base64.StdEncoding.EncodeToString(given.pkcs12), "password": password},
	}, time.Now())
	if err != nil {
		return "", plainly(err)
	}
	change, err := proposal.Against(nil)
	if err != nil {
		return "", plainly(err)
	}
	return change.Certificate.Thumbprint, nil
}

// plainly is an error with the message that is meant for people.
func plainly(err error) error {
	if refused := (*apiconn.Error)(nil); errors.As(err, &refused) && refused.Message != "" {
		return errors.New(refused.Message)
	}
	return err
}

// Export reads what there is. Notes say what could not be read.
func (t *Transfer) Export(ctx context.Context) (Document, error) {
	return t.read(ctx, parts{calls: true, flows: true}, Document{})
}

// nameOfForm is the form that an export has by the name of its file; ours where the name says nothing.
func nameOfForm(path string) string {
	forms := map[string]transfer.Form{".json": transfer.Graph, ".ps1": transfer.DSC, ".tf": transfer.Terraform}
	return string(cmp.Or(forms[strings.ToLower(filepath.Ext(path))], transfer.Patchbay))
}

// ExportForm is the form of an export: the one that was asked for, or else the one that the file's name says.
func ExportForm(asked, path string) string { return cmp.Or(asked, nameOfForm(path)) }
