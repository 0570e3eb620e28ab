package graph

import (
	"net/http"
	"strings"
)

// verbs are how Microsoft calls the methods in operationIds.
var verbs = map[string]string{http.MethodGet: "Get", http.MethodPost: "Create", http.MethodPatch: "Update", http.MethodPut: "Set", http.MethodDelete: "Delete"}

// operationID names an operation as Microsoft's published descriptions do: what contains it, an underscore, the verb and the
// thing. The names of collections are in the singular.
func operationID(method string, r route) string {
	var names []string
	for s := range strings.SplitSeq(strings.Trim(r.path, "/"), "/") {
		if s != "" && !strings.HasPrefix(s, "{") {
			names = append(names, singular(s))
		}
	}
	if len(names) < 2 {
		return "service_" + verbs[method] + upper(strings.TrimPrefix(strings.Join(names, ""), "$"))
	}
	last := names[len(names)-1]
	collection := strings.HasSuffix(r.path, "s") && !strings.HasSuffix(r.path, "}")
	switch {
	case last == "$count":
		return strings.Join(names[:len(names)-1], ".") + "_GetCount"
	case r.action:
		return strings.Join(names[:len(names)-1], ".") + "_" + last
	case last == "$ref":
		return strings.Join(names[:2], ".") + "_" + verbs[method] + upper(names[len(names)-2]) + "ByRef"
	case len(names) > 2: // the configuration of a flow, or a step in it
		return strings.Join(names[:2], ".") + "_" + verbs[method] + upper(last)
	case collection && method == http.MethodGet:
		return names[0] + "_List" + upper(last)
	}
	return names[0] + "_" + verbs[method] + upper(last)
}

// singular is the name of one of a collection.
func singular(name string) string { return strings.TrimSuffix(name, "s") }

func upper(name string) string {
	if name == "" {
		return name
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
