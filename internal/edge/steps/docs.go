package steps

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// RouteTable is the table of routes in docs/runtime.md.
func RouteTable() string {
	var b strings.Builder
	b.WriteString("| method | path | permission | what it does |\n|---|---|---|---|\n")
	for _, r := range routes() {
		for _, method := range slices.Sorted(maps.Keys(r.methods)) {
			operation := r.methods[method]
			fmt.Fprintf(&b, "| %s | `%s%s` | %s | %s |\n", method, base, r.path, operation.permissions, operation.does)
		}
	}
	return b.String()
}

// CodeTable is the table of the original's error codes in docs/runtime.md.
func CodeTable() string {
	var b strings.Builder
	b.WriteString("| code | reasons |\n|---|---|\n")
	for _, row := range graphCodes {
		code := "none"
		if row.code != "" {
			code = "`" + row.code + "`"
		}
		names := make([]string, len(row.reasons))
		for i, reason := range row.reasons {
			names[i] = "`" + string(reason) + "`"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", code, strings.Join(names, ", "))
	}
	return b.String()
}
