package graph

import (
	"slices"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Cloud is a national cloud whose shape the surface takes (contract 1.3 and 2.6).
type Cloud string

// The clouds of the founding page's table.
const (
	Global   Cloud = "global"
	USGov    Cloud = "usgov"
	USGovDoD Cloud = "usgov-dod"
	China    Cloud = "china"
)

// Clouds lists them all.
var Clouds = []Cloud{Global, USGov, USGovDoD, China}

// The API versions.
const (
	v1   = "v1.0"
	beta = "beta"
)

var versions = []string{v1, beta}

// route is one resource of the surface and its operations by method. HEAD follows GET and OPTIONS is every route's.
type route struct {
	path      string
	methods   map[string]operation
	action    bool // the last segment is a bound action, so it may be qualified
	public    bool // needs no token
	unmetered bool // is not counted against the caller's limits
	availability

	flows *userFlowSet // of the routes of user flows
	step  apiconn.Step // of the routes below one
}

// availability is in which clouds and versions something exists.
type availability struct {
	clouds   []Cloud  // nil: every cloud
	versions []string // nil: both
}

func (a availability) in(cloud Cloud, version string) bool {
	return (a.clouds == nil || slices.Contains(a.clouds, cloud)) && (a.versions == nil || slices.Contains(a.versions, version))
}

// connectorClouds are the clouds that have API connectors: the founding page says ❌ for both US government clouds.
var connectorClouds = availability{clouds: []Cloud{Global, China}}

// operation is what a method does on a route.
type operation struct {
	run  handler
	does string // for docs/graph.md
}

// routes is every route there is. docs/graph.md is made from it.
func routes() []route {
	all := []route{
		{path: "/", public: true, methods: map[string]operation{
			"GET": {(*Handler).serviceDocument, "The service document."},
		}},
		{path: "/$metadata", public: true, methods: map[string]operation{
			"GET": {(*Handler).metadata, "The CSDL of what is served, as XML."},
		}},
		{path: "/$batch", unmetered: true, methods: map[string]operation{
			"POST": {(*Handler).batch, "Up to 20 requests in one."},
		}},
		{path: "/identity", methods: map[string]operation{
			"GET": {(*Handler).identity, "404, as the live service answers."},
		}},
		{path: "/identity/apiConnectors", availability: connectorClouds, methods: map[string]operation{
			"GET":  {(*Handler).listConnectors, "List API connectors."},
			"POST": {(*Handler).createConnector, "Create an API connector."},
		}},
		{path: "/identity/apiConnectors/$count", availability: connectorClouds, methods: map[string]operation{
			"GET": {(*Handler).countConnectors, "How many there are, as text."},
		}},
		{path: "/identity/apiConnectors/{id}", availability: connectorClouds, methods: map[string]operation{
			"GET":    {(*Handler).getConnector, "Get an API connector."},
			"PATCH":  {(*Handler).updateConnector, "Update an API connector: 204."},
			"DELETE": {(*Handler).deleteConnector, "Delete an API connector: 204."},
		}},
		{path: "/identity/apiConnectors/{id}/uploadClientCertificate", availability: connectorClouds, action: true, methods: map[string]operation{
			"POST": {(*Handler).uploadClientCertificate, "Append a PKCS#12 client certificate."},
		}},
		{path: "/auditLogs/directoryAudits", methods: map[string]operation{
			"GET": {(*Handler).listAudits, "List the changes that were made."},
		}},
		{path: "/auditLogs/directoryAudits/{id}", methods: map[string]operation{
			"GET": {(*Handler).getAudit, "Get one change."},
		}},
	}
	for _, flows := range []*userFlowSet{b2xUserFlows, b2cUserFlows} {
		all = append(all, userFlowRoutes(flows)...)
	}
	return all
}

// userFlowRoutes is the routes of one kind of user flow.
func userFlowRoutes(flows *userFlowSet) []route {
	item := map[string]operation{
		"GET":    {(*Handler).getUserFlow, "Get a user flow."},
		"DELETE": {(*Handler).deleteUserFlow, "Delete a user flow: 204."},
	}
	if flows.kind == apiconn.B2C { // no cloud offers it for b2x (contract 2.8)
		item["PATCH"] = operation{(*Handler).updateUserFlow, "Update a user flow: 204."}
	}
	configuration := flows.path + "/{id}/apiConnectorConfiguration"
	all := []route{
		{path: flows.path, methods: map[string]operation{
			"GET":  {(*Handler).listUserFlows, "List user flows."},
			"POST": {(*Handler).createUserFlow, "Create a user flow."},
		}},
		{path: flows.path + "/$count", methods: map[string]operation{
			"GET": {(*Handler).countUserFlows, "How many there are, as text."},
		}},
		{path: flows.path + "/{id}", methods: item},
		{path: configuration, methods: map[string]operation{
			"GET": {(*Handler).getConfiguration, "Get the connectors of a user flow, with `$expand` those of the steps named."},
		}},
	}
	for _, step := range apiconn.Steps {
		all = append(all, stepRoutes(configuration+"/"+step.Name, step)...)
	}
	for i := range all {
		all[i].flows, all[i].clouds = flows, flows.clouds
		if all[i].versions == nil {
			all[i].versions = flows.versions
		}
	}
	return all
}

// stepRoutes is the routes of one step, which stands at path.
func stepRoutes(path string, step apiconn.Step) []route {
	all := []route{
		{path: path, methods: map[string]operation{
			"GET":    {(*Handler).getStepConnector, "Get the connector of the step."},
			"PATCH":  {(*Handler).updateStepConnector, "Update the connector of the step: 204."},
			"DELETE": {(*Handler).unlinkStep, "Unlink the connector from the step: 204. The connector stays."},
		}},
		{path: path + "/uploadClientCertificate", action: true, methods: map[string]operation{
			"POST": {(*Handler).uploadStepCertificate, "Append a PKCS#12 client certificate to the connector of the step."},
		}},
	}
	if !step.NoRef {
		all = append(all, route{path: path + "/$ref", methods: map[string]operation{
			"GET":    {(*Handler).getStepReference, "Get the reference to the connector of the step."},
			"PUT":    {(*Handler).putStepReference, "Link the step to the connector of `@odata.id`, or to none by `{}`: 204."},
			"DELETE": {(*Handler).deleteStepReference, "Unlink the connector from the step: 204."},
		}})
	}
	for i := range all {
		all[i].step = step
		if step.BetaOnly {
			all[i].versions = []string{beta}
		}
	}
	return all
}
