package config

import (
	"fmt"
	"strings"
	"time"
)

// Markdown is docs/config.md: every setting with its spellings, default and meaning.
func Markdown() string {
	var b strings.Builder
	b.WriteString(`# Settings

This page is generated from the table in ` + "`internal/config/table.go`" + `; ` + "`make docs`" + ` writes it again.

A flag wins over the environment, the environment over the settings file, the file over the default.
The settings file is YAML. Name it with ` + "`--config`" + ` or ` + "`" + FileVariable + "`" + `. A dot in a key is a level of nesting:

` + "```yaml" + `
listen: 0.0.0.0:8443
public_url: https://graph.example.com
tls:
  cert_file: server.pem
  key_file: server-key.pem
auth:
  issuers:
    - url: https://login.microsoftonline.com/{tenantid}/v2.0
      audiences: [api://patchbay]
      tenants: [5f0c3b8e-9a55-4a41-8a0e-4f1d0f7a1c11]
` + "```" + `

An unknown key or an unknown variable that begins with ` + "`" + EnvPrefix + "`" + ` is an error.
` + "`patchbay config`" + ` prints the effective settings and where each comes from; secrets are masked.
` + "`patchbay dev`" + ` settles most of them by itself; ` + "`patchbay dev --help`" + ` lists those that it leaves open.
Sizes are bytes. Durations are written like ` + "`30s`, `5m` or `720h`" + `.
`)
	for _, s := range table(&Config{}) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", s.key, s.help)
		if s.envOnly {
			fmt.Fprintf(&b, "- environment only: `%s`\n", s.variable())
		} else {
			fmt.Fprintf(&b, "- flag `--%s`, environment `%s`\n", s.flag(), s.variable())
		}
		if s.oneOf != nil {
			fmt.Fprintf(&b, "- one of: `%s`\n", strings.Join(s.oneOf, "`, `"))
		}
		fmt.Fprintf(&b, "- type: %s\n", typeName(s.into))
		if s.def != "" {
			fmt.Fprintf(&b, "- default: `%s`\n", s.def)
		}
	}
	return b.String()
}

func typeName(into any) string {
	switch into.(type) {
	case *bool:
		return "true or false"
	case *int64:
		return "whole number"
	case *time.Duration:
		return "duration"
	case *[]string:
		return "list of texts, separated by commas outside the file"
	case *[]Issuer:
		return "list of objects"
	default:
		return "text"
	}
}
