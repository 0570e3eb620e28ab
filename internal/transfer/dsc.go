package transfer

import (
	"fmt"
	"slices"
	"strings"
)

// The resources of Microsoft365DSC that are read; all others are passed over.
const (
	resourceConnector = "AADIdentityAPIConnector"
	resourceFlow      = "AADIdentityB2XUserFlow"
)

// exportedSecret is how the text begins that an export has in place of a secret.
const exportedSecret = "Please insert"

// dscValue is the value of a property.
type dscValue struct {
	line  int
	kind  dscValueKind
	text  string
	items []dscValue // of a list
	named map[string]dscValue
	clear bool // of an expression: it makes a secret of a string that stands there
}

type dscValueKind int

const (
	dscNothing    dscValueKind = iota // $null
	dscString                         // also numbers, true and false
	dscList                           // @(…)
	dscInstance                       // Class{…} and @{…}
	dscExpression                     // whatever else: a variable, a call
)

// readDSC reads the connectors and user flows of a configuration. It does not run it: a value that only a run would know is an
// error where it is needed.
func readDSC(text string) (Document, error) {
	tokens, err := dscTokens(text)
	if err != nil {
		return Document{}, err
	}
	var d Document
	p := &dscParser{tokens: tokens}
	for p.peek().kind != dscEnd {
		resource := p.take()
		if resource.kind != dscWord || !strings.EqualFold(resource.text, resourceConnector) && !strings.EqualFold(resource.text, resourceFlow) {
			continue
		}
		if !p.block() {
			continue
		}
		members, err := p.members(0)
		if err != nil {
			return d, err
		}
		take := d.takeDSCFlow
		if strings.EqualFold(resource.text, resourceConnector) {
			take = d.takeDSCConnector
		}
		if err := take(dscValue{line: resource.line, kind: dscInstance, named: members}); err != nil {
			return d, err
		}
	}
	return d, nil
}

// dscParser reads blocks of properties out of tokens.
type dscParser struct {
	tokens []dscToken
	at     int
}

func (p *dscParser) peek() dscToken { return p.tokens[p.at] }

// take consumes a token; the end stays.
func (p *dscParser) take() dscToken {
	t := p.tokens[p.at]
	if t.kind != dscEnd {
		p.at++
	}
	return t
}

func (p *dscParser) lines() {
	for p.peek().kind == dscLine {
		p.at++
	}
}

// block consumes the name of an instance and the brace behind it, if that is what comes.
func (p *dscParser) block() bool {
	before := p.at
	p.lines()
	switch p.take().kind {
	case dscText, dscExpanded, dscWord, dscVariable:
		p.lines()
		if p.take().is("{") {
			return true
		}
	}
	p.at = before
	return false
}

// maxInstances is how deep instances may lie in one another.
const maxInstances = 16

// members reads properties up to the closing brace.
func (p *dscParser) members(depth int) (map[string]dscValue, error) {
	if depth > maxInstances {
		return nil, fmt.Errorf("line %d: the values lie too deep in one another", p.peek().line)
	}
	found := map[string]dscValue{}
	for {
		p.lines()
		name := p.take()
		switch {
		case name.is("}"):
			return found, nil
		case name.kind == dscEnd:
			return nil, fmt.Errorf("line %d: a closing brace is missing", name.line)
		case name.kind != dscWord && name.kind != dscText:
			return nil, fmt.Errorf("line %d: a property should begin here", name.line)
		}
		key := strings.ToLower(name.text)
		if _, twice := found[key]; twice {
			return nil, fmt.Errorf("line %d: a property comes twice", name.line)
		}
		p.lines()
		if !p.take().is("=") {
			return nil, fmt.Errorf("line %d: behind a property there is no =", name.line)
		}
		p.lines()
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		found[key] = value
	}
}

// value reads one value. Whatever follows its first part makes it an expression.
func (p *dscParser) value(depth int) (dscValue, error) {
	if depth > maxInstances {
		return dscValue{}, fmt.Errorf("line %d: the values lie too deep in one another", p.peek().line)
	}
	first := p.peek()
	v := dscValue{line: first.line}
	var err error
	switch {
	case first.kind == dscText:
		v.kind, v.text = dscString, p.take().text
	case first.kind == dscVariable:
		p.take()
		switch strings.ToLower(first.text) {
		case "true", "false":
			v.kind, v.text = dscString, strings.ToLower(first.text)
		case "null":
		default:
			v.kind = dscExpression
		}
	case first.is("@("):
		p.take()
		v.kind = dscList
		v.items, err = p.list(depth)
	case first.is("@{"):
		p.take()
		v.kind = dscInstance
		v.named, err = p.members(depth)
	case first.kind == dscWord:
		p.take()
		v.kind, v.text = dscString, first.text
		ahead := p.at
		if p.lines(); p.peek().is("{") {
			p.take()
			v.kind = dscInstance
			v.named, err = p.members(depth)
		} else {
			p.at = ahead
		}
	}
	if err != nil {
		return v, err
	}
	return p.rest(v)
}

// list reads values up to the closing parenthesis.
func (p *dscParser) list(depth int) ([]dscValue, error) {
	var all []dscValue
	for {
		for p.peek().kind == dscLine || p.peek().is(",") {
			p.at++
		}
		if p.peek().is(")") {
			p.take()
			return all, nil
		}
		if p.peek().kind == dscEnd {
			return nil, fmt.Errorf("line %d: a closing parenthesis is missing", p.peek().line)
		}
		before := p.at
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.at == before {
			return nil, fmt.Errorf("line %d: a value should stand here", p.peek().line)
		}
		all = append(all, v)
	}
}

// rest consumes what is left of a value, balanced, up to the end of the line or what encloses it.
func (p *dscParser) rest(v dscValue) (dscValue, error) {
	depth, secure := 0, strings.EqualFold(v.text, "ConvertTo-SecureString")
	for {
		t := p.peek()
		opens := t.kind == dscMark && strings.ContainsAny(t.text, "({")
		closes := t.is(")") || t.is("}")
		if depth == 0 && (t.kind == dscLine || closes || t.is(",")) {
			return v, nil
		}
		if t.kind == dscEnd {
			return v, fmt.Errorf("line %d: the value has no end", v.line)
		}
		p.take()
		v.kind = dscExpression
		switch {
		case opens:
			depth++
		case closes:
			depth--
		case t.kind == dscWord && strings.EqualFold(t.text, "ConvertTo-SecureString"):
			secure = true
		case secure && (t.kind == dscText || t.kind == dscExpanded):
			v.clear = v.clear || t.kind == dscText && t.text != "" && !strings.HasPrefix(t.text, exportedSecret)
			secure = false
		}
	}
}

// stringOf reads a property that is a string; "" if it is not there.
func (v dscValue) stringOf(name string) (string, error) {
	member, there := v.named[strings.ToLower(name)]
	switch {
	case !there || member.kind == dscNothing:
		return "", nil
	case member.kind == dscString:
		return member.text, nil
	case member.kind == dscExpression:
		return "", fmt.Errorf("line %d: the value of %s is known only when the configuration runs; write it out as a string", member.line, name)
	}
	return "", fmt.Errorf("line %d: the value of %s should be a string", member.line, name)
}

// strings reads several string properties.
func (v dscValue) strings(into map[string]*string) error {
	var failed error
	line := 0
	for name, to := range into {
		value, err := v.stringOf(name)
		if at := v.named[strings.ToLower(name)].line; err != nil && (failed == nil || at < line) { // the first, whatever the order of the map
			failed, line = err, at
		}
		*to = value
	}
	return failed
}

func (d *Document) takeDSCConnector(v dscValue) error {
	var c Connector
	var ensure string
	err := v.strings(map[string]*string{
		"Id": &c.ID, "DisplayName": &c.Name, "TargetUrl": &c.TargetURL, "Username": &c.Authentication.Username, "Ensure": &ensure,
	})
	if err != nil {
		return err
	}
	d.HasConnectors = true
	if strings.EqualFold(ensure, "Absent") {
		d.note("The connector %q is to be absent (Ensure) and was passed over.", c.Name)
		return nil
	}
	if c.Name == "" {
		return fmt.Errorf("line %d: the connector has no DisplayName", v.line)
	}
	certificates := v.named["certificates"]
	if certificates.kind == dscInstance {
		certificates.kind, certificates.items = dscList, []dscValue{certificates}
	}
	inClear := v.named["password"].clear
	switch {
	case len(certificates.items) > 0:
		c.Authentication.Kind, c.Authentication.Username = WithCertificate, ""
	case certificates.kind == dscExpression || certificates.kind == dscString:
		return fmt.Errorf("line %d: the value of Certificates should be a list of certificates", certificates.line)
	default:
		c.Authentication.Kind = Basic
	}
	for _, one := range certificates.items {
		if one.kind != dscInstance {
			return fmt.Errorf("line %d: a certificate should stand here, as MSFT_AADIdentityAPIConnectionCertificate{…}", one.line)
		}
		var thumbprint, active string
		if err := one.strings(map[string]*string{"Thumbprint": &thumbprint, "IsActive": &active}); err != nil {
			return err
		}
		inClear = inClear || one.named["password"].clear || one.named["pkcs12value"].clear
		if thumbprint != "" {
			c.Authentication.Certificates = append(c.Authentication.Certificates, Certificate{Thumbprint: strings.ToUpper(thumbprint), Active: active == "true"})
		}
	}
	if inClear {
		d.noteClear(c.Name)
	}
	d.Connectors = append(d.Connectors, c)
	return nil
}

func (d *Document) takeDSCFlow(v dscValue) error {
	var id, ensure string
	if err := v.strings(map[string]*string{"Id": &id, "Ensure": &ensure}); err != nil {
		return err
	}
	d.HasFlows = true
	switch {
	case strings.EqualFold(ensure, "Absent"):
		d.note("The user flow %q is to be absent (Ensure) and was passed over.", id)
		return nil
	case id == "":
		return fmt.Errorf("line %d: the user flow has no Id", v.line)
	case slices.ContainsFunc(d.Flows, func(f Flow) bool { return f.ID == flowID(id) }):
		return fmt.Errorf("line %d: the user flow %q comes twice", v.line, id)
	}
	flow := d.flow(flowID(id))
	configuration, there := v.named["apiconnectorconfiguration"]
	if !there || configuration.kind == dscNothing {
		return nil
	}
	if configuration.kind != dscInstance {
		return fmt.Errorf("line %d: ApiConnectorConfiguration should be MSFT_MicrosoftGraphUserFlowApiConnectorConfiguration{…}", configuration.line)
	}
	var federation, attributes string
	if err := configuration.strings(map[string]*string{
		stepFederation + "ConnectorName": &federation, stepAttributes + "ConnectorName": &attributes,
	}); err != nil {
		return err
	}
	flow.Links = map[string]Link{}
	for step, name := range map[string]string{stepFederation: federation, stepAttributes: attributes} {
		if name != "" {
			flow.Links[step] = Link{Name: name}
		}
	}
	return nil
}
