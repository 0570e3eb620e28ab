package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Reference is docs/graph.md: the table of routes in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString("# The Graph surface\n\nMade from the route table of `internal/edge/graph/routes.go` by `make docs`; do not edit it by hand.\n\n")
	b.WriteString("Every path stands below `/v1.0` and `/beta`, unless only one is named. Names are case-insensitive, ids are not; a key may be written `/id` or\n`('id')`, " +
		"and the action may be qualified with `microsoft.graph.`. HEAD goes wherever GET goes. Where a cloud is not named,\nthe segment does not exist under that " +
		"`cloud` setting and answers 400, as in that cloud.\n\n")
	b.WriteString("| method | path | what it does | clouds | versions | token |\n|---|---|---|---|---|---|\n")
	for _, r := range routes() {
		for _, method := range slices.Sorted(maps.Keys(r.methods)) {
			clouds, versions, token := "all", "both", "yes"
			if r.clouds != nil {
				names := make([]string, len(r.clouds))
				for i, cloud := range r.clouds {
					names[i] = string(cloud)
				}
				clouds = strings.Join(names, ", ")
			}
			if r.versions != nil {
				versions = strings.Join(r.versions, ", ")
			}
			if r.public {
				token = "no"
			}
			fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", method, r.path, r.methods[method].does, clouds, versions, token)
		}
	}
	return b.String()
}
