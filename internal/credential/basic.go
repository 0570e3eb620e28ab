package credential

import "strings"

// typeBasic is HTTP Basic authentication (RFC 7617).
const typeBasic = "basicAuthentication"

// basicMembers are the members of basicAuthentication. The greatest lengths are ours: nothing documents any.
var basicMembers = memberSet{typeName: typeBasic, members: []member{
	{name: "username", most: 255, refused: func(value string) string {
		if strings.Contains(value, ":") {
			return "The username holds a colon, which HTTP Basic authentication cannot carry (RFC 7617 section 2). Use a username without one."
		}
		return ""
	}},
	{name: "password", secret: true, most: 1024},
}}
