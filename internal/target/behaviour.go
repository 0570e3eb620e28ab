package target

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Behaviour is one way to treat a call.
type Behaviour struct {
	Name   string // what options call it
	Prefix string // a local part that begins so asks for it; "" for none
	Number string // what a number behind the prefix means, "" if nothing
	What   string // for people
	Fault  bool   // it never gives a whole answer of the contract's shape on purpose

	serve func(*exchange)
}

// The defaults of behaviours that take a number.
const (
	defaultSlow   = 3   // seconds
	defaultStatus = 500 // HTTP
	maxSlow       = 600
)

// The name of the behaviour that is the default, and of the one that a deaf endpoint shows.
const answerContinue = "continue"

// behaviours has a row for everything that a target can do; `patchbay target --help` and docs/targets.md print it.
var behaviours = []Behaviour{
	{Name: answerContinue, What: "Continue, with the claims extension_LoyaltyId and, if it had needless blanks, displayName", serve: (*exchange).proceed},
	{Name: "block", Prefix: "block", What: "ShowBlockPage with a message", serve: (*exchange).block},
	{Name: "validation", Prefix: "invalid", What: "ValidationError with a message and status 400", serve: (*exchange).invalid},
	{Name: "slow", Prefix: "slow", Number: "seconds", What: "Continue, after 3 seconds or as many as the number says", serve: (*exchange).slow},
	{Name: "gzip", Prefix: "gzip", What: "Continue, always compressed, even for callers that did not ask for it", serve: (*exchange).compressed},
	{Name: "bom", Prefix: "bom", What: "Continue, behind a byte order mark", serve: raw("application/json", "\ufeff"+sampleContinue)},
	{Name: "plain", Prefix: "plain", What: "Continue, as text/plain", serve: raw("text/plain", sampleContinue)},

	{Name: "html", Prefix: "html", Fault: true, What: "an HTML page with status 200", serve: raw("text/html; charset=utf-8", samplePage)},
	{Name: "broken", Prefix: "broken", Fault: true, What: "JSON that ends too early", serve: raw("application/json", sampleContinue[:len(sampleContinue)-2])},
	{Name: "empty", Prefix: "empty", Fault: true, What: "status 200 without a body", serve: raw("application/json", "")},
	{Name: "array", Prefix: "array", Fault: true, What: "a JSON array in the place of an object", serve: raw("application/json", "["+sampleContinue+"]")},
	{Name: "noversion", Prefix: "noversion", Fault: true, What: "Continue without the member version", serve: raw("application/json", `{"action":"Continue"}`)},
	{Name: "lowercase", Prefix: "lowercase", Fault: true, What: "the action continue in lower case", serve: raw("application/json", `{"version":"1.0.0","action":"continue"}`)},
	{Name: "nomessage", Prefix: "nomessage", Fault: true, What: "ShowBlockPage without the member userMessage", serve: raw("application/json", `{"version":"1.0.0","action":"ShowBlockPage"}`)},
	{Name: "wrongtype", Prefix: "wrongtype", Fault: true, What: "Continue with a displayName that is a number", serve: raw("application/json", `{"version":"1.0.0","action":"Continue","displayName":7}`)},
	{Name: "null", Prefix: "null", Fault: true, What: "Continue with a claim that is null", serve: raw("application/json", `{"version":"1.0.0","action":"Continue","city":null}`)},
	{Name: "validation200", Prefix: "validation200", Fault: true, What: "ValidationError with status 200", serve: raw("application/json", sampleValidation)},
	{Name: "status", Prefix: "status", Number: "status", Fault: true, What: "an error body with status 500 or the number's", serve: (*exchange).status},
	{Name: "throttle", Prefix: "throttle", Fault: true, What: "429 with Retry-After: 1", serve: (*exchange).throttle},
	{Name: "redirect", Prefix: "redirect", Fault: true, What: "307 to another path of the same endpoint", serve: (*exchange).redirect},
	{Name: "reset", Prefix: "reset", Fault: true, What: "a connection reset instead of an answer", serve: (*exchange).reset},
	{Name: "flaky", Prefix: "flaky", Fault: true, What: "a connection reset at the first attempt of an invocation, Continue afterwards", serve: (*exchange).flaky},
	{Name: "moody", Prefix: "moody", Fault: true, What: "Continue and ShowBlockPage in turn, whatever is asked", serve: (*exchange).moody},
	{Name: "cut", Prefix: "cut", Fault: true, What: "half an answer, then the end of the connection", serve: (*exchange).cut},
	{Name: "bytes", Prefix: "bytes", Fault: true, What: "Continue, one octet a second", serve: (*exchange).bytes},
	{Name: "endless", Prefix: "endless", Fault: true, What: "a body without an end", serve: (*exchange).endless},
	{Name: "silent", Prefix: "silent", Fault: true, What: "no answer at all until the caller gives up", serve: (*exchange).silent},
}

// The bodies of behaviours that do not depend on the request.
const (
	sampleContinue   = `{"version":"1.0.0","action":"Continue","extension_LoyaltyId":"L-sample"}`
	sampleValidation = `{"version":"1.0.0","status":400,"action":"ValidationError","userMessage":"Please correct what you typed."}`
	samplePage       = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>\n"
)

// Behaviours returns the table, in the order in which it is printed.
func Behaviours() []Behaviour { return slices.Clone(behaviours) }

// named finds a behaviour by its name.
func named(name string) (Behaviour, bool) {
	i := slices.IndexFunc(behaviours, func(b Behaviour) bool { return b.Name == name })
	if i < 0 {
		return Behaviour{}, false
	}
	return behaviours[i], true
}

// asked finds the behaviour that an email asks for, with the number behind its prefix, -1 if there is none. Of several
// prefixes that fit the longest counts.
func asked(email string) (b Behaviour, number int, ok bool) {
	local, _, _ := strings.Cut(strings.ToLower(email), "@")
	for _, row := range behaviours {
		if row.Prefix != "" && strings.HasPrefix(local, row.Prefix) && len(row.Prefix) > len(b.Prefix) {
			b, ok = row, true
		}
	}
	if !ok {
		return Behaviour{}, -1, false
	}
	rest := local[len(b.Prefix):]
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	number, err := strconv.Atoi(digits)
	if b.Number == "" || err != nil {
		number = -1
	}
	return b, number, true
}

// seconds is the delay of slow.
func seconds(number int) time.Duration {
	if number < 0 {
		number = defaultSlow
	}
	return time.Duration(min(number, maxSlow)) * time.Second
}

// statusOf is the status that a number asks for; numbers that are none of a final answer stand for the default.
func statusOf(number int) int {
	if number < http.StatusOK || number > 599 {
		return defaultStatus
	}
	return number
}
