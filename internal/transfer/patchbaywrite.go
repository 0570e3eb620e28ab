package transfer

import (
	"bytes"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

// header explains a patchbay.yaml to whoever opens it.
const header = `Written by patchbay export; to be carried out by patchbay apply -f. See docs/moving.md.
No secret is in this file. A secret that is not mentioned stays as it is; to set one, say where it is:
  password: {file: PATH}   or   password: {env: NAME}   and for certificates   pkcs12: {file: PATH}`

// writePatchbay writes patchbay.yaml, in an order that never changes.
func writePatchbay(d Document) ([]byte, error) {
	root := mapping()
	pair(root, keyVersion, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: version})
	if d.HasConnectors {
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, c := range d.Connectors {
			list.Content = append(list.Content, c.yaml())
		}
		pair(root, "connectors", list)
	}
	if d.HasFlows {
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, f := range d.Flows {
			list.Content = append(list.Content, d.yamlFlow(f))
		}
		pair(root, "userFlows", list)
	}
	document := &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}, HeadComment: header}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(document); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), e.Close()
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

// str is a string, which the encoder quotes where it would be read as something else.
func str(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	return n
}

func pair(to *yaml.Node, key string, value *yaml.Node) {
	to.Content = append(to.Content, str(key), value)
}

// pairText adds a string that is not empty.
func pairText(to *yaml.Node, key, text string) {
	if text != "" {
		pair(to, key, str(text))
	}
}

func (c Connector) yaml() *yaml.Node {
	n := mapping()
	pair(n, "name", str(c.Name))
	pairText(n, "id", c.ID)
	pair(n, "targetUrl", str(c.TargetURL))
	inner, a := mapping(), c.Authentication
	if a.Kind == WithCertificate {
		pairReference(inner, "pkcs12", a.PKCS12)
		pairReference(inner, "password", a.Password)
		if len(a.Certificates) > 0 {
			list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", HeadComment: "as they were; apply does not look at them"}
			for _, one := range a.Certificates {
				list.Content = append(list.Content, one.yaml())
			}
			pair(inner, "certificates", list)
		}
	} else {
		pair(inner, "username", str(a.Username))
		pairReference(inner, "password", a.Password)
	}
	kind := a.Kind
	if kind == "" {
		kind = Basic
	}
	authentication := mapping()
	pair(authentication, kind, inner)
	pair(n, "authentication", authentication)
	if c.Call != nil {
		if call := c.Call.yaml(); len(call.Content) > 0 {
			pair(n, "call", call)
		}
	}
	return n
}

func pairReference(to *yaml.Node, key string, r *Reference) {
	if r == nil || r.File == "" && r.Env == "" {
		return
	}
	n := mapping()
	n.Style = yaml.FlowStyle
	pairText(n, "file", r.File)
	pairText(n, "env", r.Env)
	pair(to, key, n)
}

func (c Certificate) yaml() *yaml.Node {
	n := mapping()
	pairText(n, "thumbprint", c.Thumbprint)
	for _, at := range []struct {
		key string
		at  int64
	}{{"notBefore", c.NotBefore}, {"notAfter", c.NotAfter}} {
		if at.at != 0 {
			pair(n, at.key, &yaml.Node{Kind: yaml.ScalarNode, Value: time.Unix(at.at, 0).UTC().Format(time.RFC3339)})
		}
	}
	if c.Active {
		pair(n, "active", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	}
	return n
}

func (s *CallSettings) yaml() *yaml.Node {
	n := mapping()
	for _, member := range settings {
		if member.text(s) == "" {
			continue
		}
		value := &yaml.Node{}
		if number, ok := member.value(s).(float64); ok { // not as 2e+04
			value = &yaml.Node{Kind: yaml.ScalarNode, Value: numberText(number)}
		} else if err := value.Encode(member.value(s)); err != nil { // no value of these types fails
			continue
		}
		pair(n, member.name, value)
	}
	return n
}

func (d Document) yamlFlow(f Flow) *yaml.Node {
	n := mapping()
	pair(n, "id", str(f.ID))
	pairText(n, "type", f.Type)
	if f.Version != 0 {
		pair(n, "version", &yaml.Node{Kind: yaml.ScalarNode, Value: numberText(f.Version)})
	}
	if f.Links == nil {
		return n
	}
	links := mapping()
	if len(f.Links) == 0 {
		links.Style = yaml.FlowStyle
	}
	for _, step := range Steps() {
		if link, linked := f.Links[step]; linked {
			pair(links, step, str(d.nameOf(link)))
		}
	}
	pair(n, "connectors", links)
	return n
}
