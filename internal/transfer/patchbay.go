package transfer

import (
	"encoding/json"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// keyVersion is the member that marks a patchbay.yaml, and says its version.
const (
	keyVersion = "patchbay"
	version    = "1"
)

// readPatchbay reads patchbay.yaml, strictly: what is not known is refused, so that a mistyped name changes nothing.
func readPatchbay(content []byte) (Document, error) {
	var d Document
	root, err := yamlDocument(content)
	if err != nil {
		return d, err
	}
	top, err := root.members(keyVersion, "connectors", "userFlows")
	if err != nil {
		return d, err
	}
	if v, there := top[keyVersion]; !there || v.Value != version {
		return d, root.fault("the file must say its version: %s: %s", keyVersion, version)
	}
	if node, there := top["connectors"]; there {
		d.HasConnectors = true
		all, err := node.list("a connector")
		if err != nil {
			return d, err
		}
		for _, one := range all {
			c, err := yamlConnector(one)
			if err != nil {
				return d, err
			}
			d.Connectors = append(d.Connectors, c)
		}
	}
	node, there := top["userFlows"]
	if !there {
		return d, nil
	}
	d.HasFlows = true
	all, err := node.list("a user flow")
	if err != nil {
		return d, err
	}
	for _, one := range all {
		f, err := yamlFlow(one)
		if err != nil {
			return d, err
		}
		d.Flows = append(d.Flows, f)
	}
	return d, nil
}

func yamlConnector(n yamlNode) (Connector, error) {
	var c Connector
	found, err := n.members("name", "id", "targetUrl", "authentication", "call")
	if err != nil {
		return c, err
	}
	if err := texts(found, map[string]*string{"name": &c.Name, "id": &c.ID, "targetUrl": &c.TargetURL}); err != nil {
		return c, err
	}
	switch {
	case c.Name == "":
		return c, n.fault("the connector has no name")
	case c.TargetURL == "":
		return c, n.fault("the connector has no targetUrl")
	}
	if node, there := found["authentication"]; there {
		if c.Authentication, err = yamlAuthentication(node); err != nil {
			return c, err
		}
	} else {
		return c, n.fault("the connector has no authentication: give basic or certificate")
	}
	if node, there := found["call"]; there {
		if c.Call, err = yamlCall(node); err != nil {
			return c, err
		}
	}
	return c, nil
}

func yamlAuthentication(n yamlNode) (Authentication, error) {
	var a Authentication
	kinds, err := n.members(Basic, WithCertificate)
	if err != nil {
		return a, err
	}
	if len(kinds) != 1 {
		return a, n.fault("authentication must have one member: basic or certificate")
	}
	basic, isBasic := kinds[Basic]
	if isBasic {
		a.Kind = Basic
		found, err := basic.members("username", "password")
		if err != nil {
			return a, err
		}
		if err := texts(found, map[string]*string{"username": &a.Username}); err != nil {
			return a, err
		}
		if a.Username == "" {
			return a, basic.fault("basic has no username")
		}
		a.Password, err = yamlReference(found, "password", false)
		return a, err
	}
	a.Kind = WithCertificate
	found, err := kinds[WithCertificate].members("pkcs12", "password", "certificates")
	if err != nil {
		return a, err
	}
	if a.PKCS12, err = yamlReference(found, "pkcs12", false); err != nil {
		return a, err
	}
	if a.Password, err = yamlReference(found, "password", false); err != nil {
		return a, err
	}
	node, there := found["certificates"]
	if !there {
		return a, nil
	}
	all, err := node.list("a certificate")
	if err != nil {
		return a, err
	}
	for _, one := range all {
		certificate, err := yamlCertificate(one)
		if err != nil {
			return a, err
		}
		a.Certificates = append(a.Certificates, certificate)
	}
	return a, nil
}

// yamlReference reads where a secret is. A value in its place is refused; inline allows one as {value: …}.
func yamlReference(found map[string]yamlNode, name string, inline bool) (*Reference, error) {
	node, there := found[name]
	if !there || node.Tag == "!!null" {
		return nil, nil
	}
	if node.Kind != yaml.MappingNode {
		return nil, node.fault("a secret must not stand in this file; say where %s is: {file: PATH} or {env: NAME}", name)
	}
	known := []string{"file", "env"}
	if inline {
		known = append(known, "value")
	}
	members, err := node.members(known...)
	if err != nil && !inline && hasKey(node, "value") {
		return nil, node.fault("a secret must not stand in this file; say where %s is: {file: PATH} or {env: NAME}", name)
	}
	if err != nil {
		return nil, err
	}
	if len(members) != 1 {
		return nil, node.fault("%s must have one member: %s", name, strings.Join(known, " or "))
	}
	r := &Reference{}
	if err := texts(members, map[string]*string{"file": &r.File, "env": &r.Env, "value": &r.value}); err != nil {
		return nil, err
	}
	if r.File == "" && r.Env == "" && r.value == "" {
		return nil, node.fault("%s is empty", name)
	}
	return r, nil
}

func hasKey(n yamlNode, name string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return true
		}
	}
	return false
}

func yamlCertificate(n yamlNode) (Certificate, error) {
	var c Certificate
	found, err := n.members("thumbprint", "notBefore", "notAfter", "active")
	if err != nil {
		return c, err
	}
	var from, to, active string
	err = texts(found, map[string]*string{"thumbprint": &c.Thumbprint, "notBefore": &from, "notAfter": &to, "active": &active})
	if err != nil {
		return c, err
	}
	c.Thumbprint, c.Active = strings.ToUpper(c.Thumbprint), active == "true"
	for text, into := range map[string]*int64{from: &c.NotBefore, to: &c.NotAfter} {
		if text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return c, n.fault("notBefore and notAfter must be times such as 2027-01-31T12:00:00Z")
		}
		*into = at.Unix()
	}
	return c, nil
}

// yamlCall reads call settings; null is the default, as if the member were not there.
func yamlCall(n yamlNode) (*CallSettings, error) {
	names := make([]string, len(settings))
	for i, member := range settings {
		names[i] = member.name
	}
	found, err := n.members(names...)
	if err != nil {
		return nil, err
	}
	s := &CallSettings{}
	for _, member := range settings {
		node, there := found[member.name]
		if !there {
			continue
		}
		var value any
		if node.Decode(&value) != nil {
			return nil, node.fault("%s cannot be read", member.name)
		}
		raw, err := json.Marshal(value)
		if err == nil {
			err = member.read(s, raw)
		}
		if err != nil {
			return nil, node.fault("%s is of another type", member.name)
		}
	}
	return s, nil
}

func yamlFlow(n yamlNode) (Flow, error) {
	var f Flow
	found, err := n.members("id", "type", "version", "connectors")
	if err != nil {
		return f, err
	}
	if err := texts(found, map[string]*string{"id": &f.ID, "type": &f.Type}); err != nil {
		return f, err
	}
	if f.ID = flowID(f.ID); f.ID == "" {
		return f, n.fault("the user flow has no id")
	}
	if node, there := found["version"]; there && node.Decode(&f.Version) != nil {
		return f, node.fault("version must be a number")
	}
	node, there := found["connectors"]
	if !there {
		return f, nil
	}
	links, err := node.members(Steps()...)
	if err != nil {
		return f, err
	}
	f.Links = map[string]Link{}
	for step, link := range links {
		if link.Tag == "!!null" {
			continue
		}
		text, err := link.text()
		if err != nil {
			return f, err
		}
		f.Links[step] = Link{ID: text, Name: text}
	}
	return f, nil
}
