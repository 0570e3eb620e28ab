package transfer

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Secrets are where the secrets of connectors are, by name or id of the connector.
type Secrets map[string]connectorSecrets

// connectorSecrets are those of one connector.
type connectorSecrets struct {
	line             int
	password, pkcs12 *Reference
}

// ReadSecrets reads a file of secrets. It is the one file in which a secret may stand itself, so it must be private.
func ReadSecrets(content []byte) (Secrets, error) {
	root, err := yamlDocument(content)
	if err != nil {
		return nil, err
	}
	top, err := root.members("secrets")
	if err != nil {
		return nil, err
	}
	node, there := top["secrets"]
	if !there {
		return nil, root.fault("the file must have the member secrets, a list")
	}
	all, err := node.list("an entry")
	if err != nil {
		return nil, err
	}
	secrets := Secrets{}
	for _, one := range all {
		found, err := one.members("connector", "password", "pkcs12")
		if err != nil {
			return nil, err
		}
		var name string
		if err := texts(found, map[string]*string{"connector": &name}); err != nil {
			return nil, err
		}
		if _, twice := secrets[name]; twice || name == "" {
			return nil, one.fault("each entry must name a connector of its own")
		}
		s := connectorSecrets{line: one.Line}
		if s.password, err = yamlReference(found, "password", true); err != nil {
			return nil, err
		}
		if s.pkcs12, err = yamlReference(found, "pkcs12", false); err != nil {
			return nil, err
		}
		secrets[name] = s
	}
	return secrets, nil
}

// Rebase makes paths that are relative to a directory, that of the file, hold from here.
func (s Secrets) Rebase(dir string) {
	for _, one := range s {
		one.password.rebase(dir)
		one.pkcs12.rebase(dir)
	}
}

// Rebase makes paths that are relative to a directory, that of the file, hold from here.
func (d *Document) Rebase(dir string) {
	for i := range d.Connectors {
		d.Connectors[i].Authentication.Password.rebase(dir)
		d.Connectors[i].Authentication.PKCS12.rebase(dir)
	}
}

func (r *Reference) rebase(dir string) {
	if r != nil && r.File != "" && !filepath.IsAbs(r.File) {
		r.File = filepath.Join(dir, r.File)
	}
}

// Give lays secrets over the document's connectors. One that belongs to no connector is an error, because a name was mistyped.
func (d *Document) Give(secrets Secrets) error {
	for name, s := range secrets {
		i := d.linked(Link{ID: name, Name: name})
		if i < 0 {
			return fmt.Errorf("line %d of the secrets: there is no connector with the name or id %q", s.line, name)
		}
		a := &d.Connectors[i].Authentication
		if s.password != nil {
			a.Password = s.password
		}
		if s.pkcs12 == nil {
			continue
		}
		if a.Kind == Basic {
			return fmt.Errorf("line %d of the secrets: %q proves itself by a password, not by a certificate", s.line, d.Connectors[i].Name)
		}
		a.Kind, a.PKCS12 = WithCertificate, s.pkcs12 // which says how one proves itself of which that is not known
	}
	return nil
}

// SecretsTemplate is a file of secrets for what a plan lacks, to be filled in.
func SecretsTemplate(p Plan) ([]byte, error) {
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	taken := map[string]bool{}
	for _, step := range p.Steps {
		if len(step.Lacks) == 0 {
			continue
		}
		n := mapping()
		pair(n, "connector", str(step.Name))
		file := unique(taken, snake(step.Name), "_")
		for _, member := range []string{memberPKCS12, memberPassword} {
			extension := map[string]string{memberPKCS12: ".p12", memberPassword: ".password"}[member]
			if strings.Contains(strings.Join(step.Lacks, " "), member) || step.certificate {
				pairReference(n, member, &Reference{File: file + extension})
			}
		}
		list.Content = append(list.Content, n)
	}
	root := mapping()
	pair(root, "secrets", list)
	document := &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}, HeadComment: `Where the secrets are: {file: PATH}, beside this file, {env: NAME}, or {value: "the password itself"}.
Delete the password of a PKCS#12 file that has none. chmod 600 this file and those that it names.`}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(document); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), e.Close()
}
