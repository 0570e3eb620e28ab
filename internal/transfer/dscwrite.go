package transfer

import (
	"fmt"
	"strings"
	"unicode"
)

// dscWriter writes a configuration for Microsoft365DSC. Secrets are parameters of it.
type dscWriter struct {
	names      map[string]bool
	parameters []string
	body       strings.Builder
}

// writeDSC writes a configuration with a resource for each connector and each user flow that Microsoft365DSC knows.
func writeDSC(d Document) []byte {
	w := &dscWriter{names: map[string]bool{"credential": true}}
	for _, c := range d.Connectors {
		w.connector(c)
	}
	for _, f := range d.Flows {
		if !f.B2C() { // which it has no resource for
			w.flow(d, f)
		}
	}
	var out strings.Builder
	out.WriteString(`# Written by patchbay export. Secrets are parameters, and none is in this file. Compile it with them, for example:
#   . ./PatchbayConnectors.ps1; PatchbayConnectors -Credential (Get-Credential) …
Configuration PatchbayConnectors
{
    param
    (
`)
	for _, name := range w.parameters {
		fmt.Fprintf(&out, "        [Parameter(Mandatory = $true)]\n        [System.Management.Automation.PSCredential]\n        $%s,\n\n", name)
	}
	out.WriteString(`        [Parameter()]
        [System.Management.Automation.PSCredential]
        $Credential
    )

    Import-DscResource -ModuleName Microsoft365DSC

    Node localhost
    {
`)
	out.WriteString(w.body.String())
	out.WriteString("    }\n}\n")
	return []byte(out.String())
}

// quote writes a PowerShell string: every character that ends one is doubled.
func quote(text string) string {
	var out strings.Builder
	out.WriteByte('\'')
	for _, r := range text {
		if strings.ContainsRune(singleQuotes, r) {
			out.WriteRune(r)
		}
		out.WriteRune(r)
	}
	out.WriteByte('\'')
	return out.String()
}

// parameter makes a parameter for a secret.
func (w *dscWriter) parameter(of, secret string) string {
	name := unique(w.names, camel(of)+secret, "")
	w.parameters = append(w.parameters, name)
	return "$" + name
}

func (w *dscWriter) line(indent int, format string, args ...any) {
	fmt.Fprintf(&w.body, strings.Repeat(" ", 4*indent)+format+"\n", args...)
}

func (w *dscWriter) connector(c Connector) {
	w.line(2, "%s %s", resourceConnector, quote(c.Name))
	w.line(2, "{")
	w.line(3, "Id           = %s", quote(c.ID))
	w.line(3, "DisplayName  = %s", quote(c.Name))
	w.line(3, "TargetUrl    = %s", quote(c.TargetURL))
	if c.Authentication.Kind == WithCertificate {
		w.line(3, "Certificates = @(")
		certificates := c.Authentication.Certificates
		if len(certificates) == 0 {
			certificates = []Certificate{{Active: true}}
		}
		for _, one := range certificates {
			w.line(4, "MSFT_AADIdentityAPIConnectionCertificate{")
			w.line(5, "Pkcs12Value = %s", w.parameter(c.Name, "Pkcs12Value"))
			w.line(5, "Password    = %s", w.parameter(c.Name, "Password"))
			w.line(5, "Thumbprint  = %s", quote(one.Thumbprint))
			w.line(5, "IsActive    = $%t", one.Active)
			w.line(4, "}")
		}
		w.line(3, ")")
	} else {
		w.line(3, "Username     = %s", quote(c.Authentication.Username))
		w.line(3, "Password     = %s", w.parameter(c.Name, "Password"))
	}
	w.end()
}

func (w *dscWriter) flow(d Document, f Flow) {
	w.line(2, "%s %s", resourceFlow, quote(f.ID))
	w.line(2, "{")
	w.line(3, "Id           = %s", quote(f.ID))
	if f.Links != nil {
		w.line(3, "ApiConnectorConfiguration = MSFT_MicrosoftGraphUserFlowApiConnectorConfiguration{")
		for _, step := range []string{stepFederation, stepAttributes} {
			if link, linked := f.Links[step]; linked {
				w.line(4, "%sConnectorName = %s", step, quote(d.nameOf(link)))
			}
		}
		w.line(3, "}")
	}
	w.end()
}

func (w *dscWriter) end() {
	w.line(3, "Ensure       = 'Present'")
	w.line(3, "Credential   = $Credential")
	w.line(2, "}")
}

// nameOf is the name of the connector that a link means; its id if the name is not known.
func (d Document) nameOf(l Link) string {
	if i := d.linked(l); i >= 0 {
		return d.Connectors[i].Name
	}
	if l.Name != "" {
		return l.Name
	}
	return l.ID
}

// words cuts a name into what identifiers are made of.
func words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// camel writes a name as an identifier such as CustomerCheck.
func camel(name string) string {
	var out strings.Builder
	for _, word := range words(name) {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	if text := out.String(); text != "" && !unicode.IsDigit(rune(text[0])) {
		return text
	}
	return "Connector" + out.String()
}

// unique makes a name that is not taken yet, and takes it. Case does not count.
func unique(taken map[string]bool, name, separator string) string {
	made := name
	for n := 2; taken[strings.ToLower(made)]; n++ {
		made = fmt.Sprintf("%s%s%d", name, separator, n)
	}
	taken[strings.ToLower(made)] = true
	return made
}
