package signup

import (
	"fmt"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// ReasonsPage is docs/reasons.md: every reason that a decision, an attempt or a note can have.
func ReasonsPage() string {
	var b strings.Builder
	b.WriteString(`# Reasons

This page is generated from the table in ` + "`internal/apiconn/reasontable.go`" + `; ` + "`make docs`" + ` writes it again.

Every step of a sign-up ends in one decision, and every decision has one reason: the rule that decided. Receipts have it too, with a
detail of what exactly was found. Names are stable, so that clients and dashboards may compare them; new ones may come.

- **decides**: there is nothing wrong, and the step does what the connector answered, or goes on because it calls none.
- **fails**: the step is ` + "`Failed`" + `; the sign-up ends with a general error, and the reason says why. Of several reasons that one
  counts which is found first.
- **noted**: something is wrong, is written into the receipt, and does not decide.

An answer is judged by its HTTP status, then by its body, ` + "`version` and `action`" + `, then by what the action needs. Where the
documentation of the original is silent, these are the rules:

`)
	for _, rule := range judgeRules {
		fmt.Fprintf(&b, "- %s\n", rule)
	}
	b.WriteString("\n| reason | effect | what it means and what to do |\n|---|---|---|\n")
	for _, f := range apiconn.Reasons() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Reason, f.Effect, f.Sentence)
	}
	return b.String()
}

// judgeRules are the decisions of Encode and Judge that nobody documents, for people who write endpoints.
var judgeRules = []string{
	"Content-Type does not decide: JSON is read whatever it says. A body that begins with `<` is a page, and so is any body of type `text/html` that does not begin with `{`.",
	"A byte order mark is passed over. What is not UTF-8 is refused, and so are escapes of half a surrogate pair.",
	"A name that comes twice in an object is refused, also deep within it. One custom attribute under two names (with the app id and without) is refused if the values differ.",
	"`null` is no value: for `version`, `action`, `status` and `userMessage` it counts as absent, for a claim it is noted.",
	"Numbers count by value: `400`, `400.0` and `4e2` are one status, `1.0` is the whole number 1. The string must be `\"400\"` exactly.",
	"HTTP 400 with a body that does not begin as a JSON object, or with an object that has neither `version`, `action` nor `userMessage`, is `bad_request_without_validation_error`, unless it is a page or not UTF-8.",
	"A `userMessage` must have something to see: white space and invisible characters alone are blank. It is passed on as it was written.",
	"`code`, `requestId`, `developerMessage` and `moreInfo` may stand in any answer and mean nothing.",
	"A built-in claim is a string; `\"\"` is a value and clears what was there. A custom attribute is a string, a boolean or a whole number, and comes back with the type it was sent with.",
	"A custom attribute of another extensions app is passed over, unless it was sent under that name.",
	fmt.Sprintf("A claim has at most %d octets, and a sign-up at most %d claims. An answer has at most %d JSON values, %d deep.", MaxClaimText, MaxClaims, maxJSONValues, maxJSONDepth),
}
