package graph

import "slices"

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

// route is one resource of the surface and its operations by method. HEAD follows GET and OPTIONS is every route's.
type route struct {
	path      string
	methods   map[string]operation
	action    bool    // the last segment is a bound action, so it may be qualified
	public    bool    // needs no token
	unmetered bool    // is not counted against the caller's limits
	clouds    []Cloud // nil: every cloud
}

func (r *route) in(cloud Cloud) bool {
	return r.clouds == nil || slices.Contains(r.clouds, cloud)
}

// connectorClouds are the clouds that have API connectors: the founding page says ❌ for both US government clouds.
var connectorClouds = []Cloud{Global, China}

// operation is what a method does on a route.
type operation struct {
	run  handler
	does string // for docs/graph.md
}

// routes is every route there is. docs/graph.md is made from it.
func routes() []route {
	return []route{
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
		{path: "/identity/apiConnectors", clouds: connectorClouds, methods: map[string]operation{
			"GET":  {(*Handler).listConnectors, "List API connectors."},
			"POST": {(*Handler).createConnector, "Create an API connector."},
		}},
		{path: "/identity/apiConnectors/$count", clouds: connectorClouds, methods: map[string]operation{
			"GET": {(*Handler).countConnectors, "How many there are, as text."},
		}},
		{path: "/identity/apiConnectors/{id}", clouds: connectorClouds, methods: map[string]operation{
			"GET":    {(*Handler).getConnector, "Get an API connector."},
			"PATCH":  {(*Handler).updateConnector, "Update an API connector: 204."},
			"DELETE": {(*Handler).deleteConnector, "Delete an API connector: 204."},
		}},
		{path: "/identity/apiConnectors/{id}/uploadClientCertificate", clouds: connectorClouds, action: true, methods: map[string]operation{
			"POST": {(*Handler).uploadClientCertificate, "Append a PKCS#12 client certificate."},
		}},
		{path: "/auditLogs/directoryAudits", methods: map[string]operation{
			"GET": {(*Handler).listAudits, "List the changes that were made."},
		}},
		{path: "/auditLogs/directoryAudits/{id}", methods: map[string]operation{
			"GET": {(*Handler).getAudit, "Get one change."},
		}},
	}
}
