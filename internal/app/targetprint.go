package app

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/patchbay/patchbay/internal/target"
)

// targetFacts is what somebody needs to know to call a target. It has no secret.
type targetFacts struct {
	url      string
	ca       string // the file to trust; "" if the certificate came from elsewhere
	username string // "" if anybody may call
	login    Login  // where the password came from
	demand   target.Demand
}

// print writes what to paste into a shell; what is no command is a comment.
func (f targetFacts) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Target at %s (Ctrl-C stops it)\n", f.url)
	trust, lint := "", ""
	if f.ca != "" {
		fmt.Fprintf(&b, "# CA certificate: %s\n", f.ca)
		trust, lint = " --cacert "+quote(f.ca), " --ca "+quote(f.ca)
	}
	fmt.Fprintf(&b, "# Client certificates: %s\n", f.demand)
	proof := ""
	if f.demand == target.Required {
		proof = " --cert CLIENT.pem --key CLIENT-key.pem" // curl and lint call them alike
	}
	b.WriteString("\n# Call it\n")
	fmt.Fprintf(&b, "curl -sS%s%s%s %s -H 'Content-Type: application/json' \\\n", trust, f.curlLogin(), proof, f.url)
	b.WriteString("  -d '{\"email\":\"alice@example.org\",\"displayName\":\"  Alice   Example \",\"ui_locales\":\"en-US\"}'\n")
	b.WriteString("\n# Let the demo connector of `patchbay dev` call it (PATCHBAY_… are in dev.env; dev prints how to get TOKEN)\n")
	fmt.Fprintf(&b, "curl -sS --cacert \"$NODE_EXTRA_CA_CERTS\" -X PATCH \"$PATCHBAY_URL/v1.0/identity/apiConnectors/$PATCHBAY_DEMO_CONNECTOR_ID\" \\\n")
	fmt.Fprintf(&b, "  -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d %s\n", quote(f.change()))
	b.WriteString("\n# Go through the whole contract with it\n")
	fmt.Fprintf(&b, "patchbay lint %s%s%s%s --allow 127.0.0.0/8 --allow ::1\n\n", f.url, lint, f.lintLogin(), proof)
	_, err := io.WriteString(w, b.String())
	return err
}

// curlLogin is curl's option for the credentials; it names where the password is, or lets curl ask for it.
func (f targetFacts) curlLogin() string {
	switch {
	case f.username == "":
		return ""
	case f.login.File != "":
		return " -u \"$(cat " + quote(f.login.File) + ")\""
	case f.login.Env != "":
		return " -u \"$" + f.login.Env + "\""
	default:
		return " -u " + quote(f.username)
	}
}

// lintLogin is the same for `patchbay lint`.
func (f targetFacts) lintLogin() string {
	switch {
	case f.username == "":
		return ""
	case f.login.File != "":
		return " --basic-file " + quote(f.login.File)
	case f.login.Env != "":
		return " --basic-env " + f.login.Env
	default:
		return " --basic " + quote(f.username+":PASSWORD")
	}
}

// change is the body of the PATCH that makes a connector call the target.
func (f targetFacts) change() string {
	type basic struct {
		Type     string `json:"@odata.type"`
		Username string `json:"username"`
		Password string `json:"password"`
	}
	body := struct {
		TargetURL string `json:"targetUrl"`
		Basic     *basic `json:"authenticationConfiguration,omitempty"`
	}{TargetURL: f.url}
	if f.username != "" {
		body.Basic = &basic{Type: "microsoft.graph.basicAuthentication", Username: f.username, Password: "PASSWORD"}
	}
	text, _ := json.Marshal(body) // of strings
	return string(text)
}
