package apiconn

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits that nobody documents (contract 8.1), decided here.
const (
	MaxDisplayName = 256  // characters
	MaxTargetURL   = 2048 // octets
)

// ValidateDisplayName checks a displayName: neither empty nor blank, at most MaxDisplayName characters, none of them a
// control character. Names need not be unique (contract 2.5).
func ValidateDisplayName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return RequiredValue("displayName")
	case !utf8.ValidString(name):
		return Invalidf("displayName", "The value of 'displayName' is not valid UTF-8. Send it as UTF-8.")
	case utf8.RuneCountInString(name) > MaxDisplayName:
		return Invalidf("displayName", "The value of 'displayName' is longer than %d characters. Choose a shorter name.", MaxDisplayName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return Invalidf("displayName", "The value of 'displayName' contains a control character. Remove it.")
	}
	return nil
}

// ValidateTargetURL checks a targetUrl: an absolute https URL with a host; a query is allowed, because Azure Functions
// keys stand there. Plain http is for development only (contract 2.5). The URL may hold a key, so no message quotes it.
func ValidateTargetURL(target string, allowHTTP bool) error {
	const field = "targetUrl"
	if strings.TrimSpace(target) == "" {
		return RequiredValue(field)
	}
	if len(target) > MaxTargetURL {
		return Invalidf(field, "The value of 'targetUrl' is longer than %d octets. Use a shorter URL.", MaxTargetURL)
	}
	u, err := url.Parse(target)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return Invalidf(field, "The value of 'targetUrl' is not an absolute URL. Give one such as https://api.contoso.example/check.")
	case u.Scheme != "https" && (u.Scheme != "http" || !allowHTTP):
		return Invalidf(field, "The value of 'targetUrl' must be an https URL. Give the endpoint's https address.")
	case u.User != nil:
		return Invalidf(field, "The value of 'targetUrl' must not contain a user name or password. Put them into authenticationConfiguration.")
	case strings.Contains(target, "#"):
		return Invalidf(field, "The value of 'targetUrl' must not have a fragment. Remove the '#' and what follows it.")
	case strings.ContainsFunc(target, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return Invalidf(field, "The value of 'targetUrl' contains white space or a control character. Percent-encode it.")
	}
	return nil
}

// RequiredValue is the error about a value that is absent, null or empty and must not be, in the words seen from the
// live service (contract 2.7).
func RequiredValue(field string) *Error {
	return &Error{
		Kind: Invalid, Reason: ReasonRequired, Field: field,
		Message: "The value of '" + field + "' must not be null or empty. Parameter name: " + field,
	}
}

// RedactQuery returns a URL fit for a log or an audit entry: the values of its query, where API keys live, are masked.
func RedactQuery(target string) string {
	before, query, has := strings.Cut(target, "?")
	if !has {
		return target
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if name, _, found := strings.Cut(pair, "="); found {
			pairs[i] = name + "=" + Mask
		} else {
			pairs[i] = Mask
		}
	}
	return before + "?" + strings.Join(pairs, "&")
}

// Mask is what stands for a secret, whatever its length (contract 2.3).
const Mask = "******"
