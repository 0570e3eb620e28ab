package authority

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/patchbay/patchbay/internal/edge"
)

// tokenGiven is the form of a token request.
type tokenGiven struct {
	GrantType     string `json:"grant_type"`
	ClientID      string `json:"client_id,omitempty"`
	ClientSecret  string `json:"client_secret,omitempty"`
	AssertionType string `json:"client_assertion_type,omitempty"`
	Assertion     string `json:"client_assertion,omitempty"`
	Scope         string `json:"scope,omitempty"`
	Resource      string `json:"resource,omitempty"`
}

// wires says what the operations of the table of routes take and answer. One that answers nothing refuses everybody.
var wires = map[string]struct {
	id, does string
	gives    any
	form     bool
	query    string
}{
	"/{tenant}/oauth2/v2.0/token":                     {id: "authority_IssueToken", does: "Issue a token to an application.", gives: tokenBody{}, form: true},
	"/{tenant}/oauth2/token":                          {id: "authority_IssueTokenV1", does: "Issue a token to an application, with resource for scope.", gives: tokenBodyV1{}, form: true},
	"/{tenant}/v2.0/.well-known/openid-configuration": {id: "authority_GetConfiguration", does: "The OpenID provider metadata.", gives: configurationBody{}},
	"/{tenant}/.well-known/openid-configuration":      {id: "authority_GetConfigurationV1", does: "The OpenID provider metadata of version 1.", gives: configurationBody{}},
	"/{tenant}/discovery/v2.0/keys":                   {id: "authority_GetKeys", does: "The keys that tokens are signed with.", gives: keysBody{}},
	"/{tenant}/discovery/keys":                        {id: "authority_GetKeysV1", does: "The keys that tokens are signed with.", gives: keysBody{}},
	"/common/discovery/instance":                      {id: "authority_DiscoverInstance", does: "Whether a host is to be trusted, as MSAL asks.", gives: instanceBody{}, query: "authorization_endpoint"},
	"/{tenant}/oauth2/v2.0/authorize":                 {id: "authority_Authorize", does: "400: nobody signs in here."},
	"/{tenant}/oauth2/authorize":                      {id: "authority_AuthorizeV1", does: "400: nobody signs in here."},
	"/{tenant}/oauth2/v2.0/devicecode":                {id: "authority_AuthorizeDevice", does: "400: nobody signs in here."},
	"/{tenant}/oauth2/v2.0/logout":                    {id: "authority_Logout", does: "400: nobody signs in here."},
}

// OpenAPI describes this surface: paths and methods by the table of routes, bodies by their types.
func OpenAPI() (edge.Description, error) {
	const clientScheme = "client"
	d := &edge.Description{Tag: edge.Tag{Name: "authority", Description: "The local token authority, in the shape of Entra's login host."}}
	d.Component("securitySchemes", clientScheme, edge.Object{
		"type": "http", "scheme": "basic", "description": "Client id and secret, form-urlencoded (RFC 6749 section 2.3.1). They may stand in the body instead.",
	})
	schemas := &edge.Schemas{Of: d, Prefix: "authority."}
	const form = "application/x-www-form-urlencoded"
	failure := edge.Body("What is wrong, in Entra's form.", "application/json", schemas.For(errorBody{}))
	for _, rt := range (&surface{}).routes() {
		w, ok := wires[rt.pattern]
		if !ok {
			return edge.Description{}, fmt.Errorf("what does %s take and answer?", rt.pattern)
		}
		methods := []string{rt.method}
		if rt.method == "" {
			methods = []string{http.MethodGet, http.MethodPost}
		}
		for _, method := range methods {
			o := edge.Operation{ID: w.id, Summary: w.does, Responses: map[string]edge.Object{"default": failure}}
			if len(methods) > 1 && method == http.MethodPost {
				o.ID += "ByPost"
			}
			if strings.Contains(rt.pattern, "{tenant}") {
				o.Parameters = append(o.Parameters, edge.Parameter("path", "tenant", "The id or the name of a tenant; in discovery also common or organizations.", edge.Text[string]()))
			}
			if w.query != "" {
				p := edge.Parameter("query", w.query, "The address that the client would send people to.", edge.Text[string]())
				p["required"] = true
				o.Parameters = append(o.Parameters, p)
			}
			if w.gives != nil {
				o.Responses[strconv.Itoa(http.StatusOK)] = edge.Body("The answer.", "application/json", schemas.For(w.gives))
			}
			if w.form {
				o.RequestBody = edge.Object{"required": true, "content": edge.Object{form: edge.Object{"schema": schemas.For(tokenGiven{})}}}
				o.Security = []map[string][]string{{clientScheme: {}}, {}}
			}
			d.Add(rt.pattern, strings.ToLower(method), o)
		}
	}
	return *d, nil
}
