package signup

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Limits of the claims of a caller. Nobody documents any (contract 8.1); these are far beyond what a sign-up page asks.
const (
	MaxClaims        = 250
	MaxClaimText     = 64 << 10 // octets of a text
	MaxIdentities    = 32       // entries of identities
	MaxAttributeName = 128      // characters of the name of a custom attribute, without extension_ and the app id
)

// Names of claims that have rules of their own.
const (
	claimEmail      = "email"
	claimIdentities = "identities"
	claimObjectID   = "objectId"
	claimStep       = "step"
	claimClientID   = "client_id"
	claimUILocales  = "ui_locales"

	extensionPrefix = "extension_"
)

// The documented names in the order in which they go out (runtime contract 5.2); custom attributes stand between the two.
var (
	claimsFirst = []string{
		claimEmail, claimIdentities, "displayName", "givenName", "surname", "jobTitle", "streetAddress", "city", "postalCode", "state", "country",
	}
	claimsLast = []string{claimObjectID, claimStep, claimClientID, claimUILocales}
)

// claimsOfService are those that the service adds by itself.
var claimsOfService = []string{claimStep, claimClientID}

// ParseClaims reads the JSON object of claims of a caller and checks names, types and limits. Custom attributes may be
// called extension_Name or extension_<app id>_Name, the app id with or without dashes, in any case; they keep the name they
// came with. A claim that is null is left out. Errors are Invalid and name the claim, never its value.
func ParseClaims(raw []byte) (apiconn.Claims, error) {
	members, fault := readJSON(raw)
	if fault != nil {
		return nil, claimsUnreadable(fault)
	}
	if err := checkClaimCount(len(members)); err != nil {
		return nil, err
	}
	claims := make(apiconn.Claims, len(members))
	for _, m := range members {
		value, err := claimOf(m)
		if err == nil {
			err = checkClaim(m.name, value)
		}
		switch {
		case err != nil:
			return nil, err
		case value != nil:
			claims[m.name] = value
		}
	}
	return claims, nil
}

// claimsUnreadable says why the claims of a caller are no JSON object.
func claimsUnreadable(fault *jsonFault) error {
	const field = "claims"
	switch fault.problem {
	case jsonNotUTF8:
		return apiconn.Invalidf(field, "The claims are not valid UTF-8 from octet %d on. Send UTF-8, and characters beyond U+FFFF as a whole surrogate pair or as they are.", fault.at)
	case jsonNotObject:
		return apiconn.Invalidf(field, "The claims are %s. Send a JSON object of claims by name.", fault.found)
	case jsonTwice:
		return apiconn.Invalidf(claimField(fault.name), "The name %s comes twice in the claims. Send it once.", quoteShort(fault.name))
	case jsonDeep:
		return apiconn.Invalidf(field, "The claims have more than %d objects and arrays within each other. Send a flat object.", maxJSONDepth)
	case jsonMany:
		return apiconn.Invalidf(field, "The claims have more than %d values. Send at most %d claims.", maxJSONValues, MaxClaims)
	default:
		return apiconn.Invalidf(field, "The claims are not valid JSON near octet %d. Send a JSON object of claims by name.", fault.at)
	}
}

func checkClaimCount(n int) error {
	if n > MaxClaims {
		return apiconn.Invalidf("claims", "There are more than %d claims. Send fewer.", MaxClaims)
	}
	return nil
}

// claimOf returns the value of a claim in Go, nil for null.
func claimOf(m jsonMember) (any, error) {
	switch v := m.value; v.kind {
	case jsonNull:
		return nil, nil
	case jsonBool:
		return v.truth, nil
	case jsonString:
		return v.text, nil
	case jsonNumber:
		if n, whole := wholeNumber(v.text); whole {
			return n, nil
		}
		return nil, apiconn.Invalidf(claimField(m.name), "The claim %s is a number with a fraction or one of more than 64 bits. Send a whole number.", quoteShort(m.name))
	case jsonArray:
		if m.name == claimIdentities {
			return parseIdentities(v.raw)
		}
	}
	return nil, apiconn.Invalidf(claimField(m.name), "The claim %s is %s. Claims are flat; only identities is an array.", quoteShort(m.name), m.value.kind)
}

// parseIdentities reads the claim identities, whose text was checked as JSON before.
func parseIdentities(raw []byte) (any, error) {
	var entries []json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, apiconn.Invalidf(claimIdentities, "The claim identities is not an array.")
	}
	identities := make([]apiconn.Identity, 0, min(len(entries), MaxIdentities+1))
	for i, entry := range entries {
		var identity apiconn.Identity
		members, fault := readJSON(entry)
		if fault != nil {
			return nil, apiconn.Invalidf(claimIdentities, "Entry %d of the claim identities is not an object. Send signInType, issuer and issuerAssignedId.", i)
		}
		for _, m := range members {
			into := map[string]*string{"signInType": &identity.SignInType, "issuer": &identity.Issuer, "issuerAssignedId": &identity.IssuerAssignedID}[m.name]
			switch {
			case into == nil:
				return nil, apiconn.Invalidf(claimIdentities, "Entry %d of the claim identities has a member %s. Send signInType, issuer and issuerAssignedId only.", i, quoteShort(m.name))
			case m.value.kind != jsonString:
				return nil, apiconn.Invalidf(claimIdentities, "The member %s of entry %d of the claim identities is %s. Send a string.", m.name, i, m.value.kind)
			}
			*into = m.value.text
		}
		identities = append(identities, identity)
	}
	return identities, nil
}

// checkClaim checks the name, the type and the size of a claim of a caller.
func checkClaim(name string, value any) error {
	field := claimField(name)
	switch _, custom := parseAttribute(name); {
	case slices.Contains(claimsOfService, name):
		return apiconn.Invalidf(field, "The claim %s is added by the service. Leave it out.", name)
	case !custom && !isClaim(name):
		return unknownClaim(name)
	case value == nil:
		return nil
	case name == claimIdentities:
		return checkIdentities(value)
	case custom:
		switch value.(type) {
		case bool, int64, string:
		default:
			return apiconn.Invalidf(field, "The claim %s has a type that custom attributes cannot have. Send a string, a boolean or a whole number.", name)
		}
	default:
		if _, isText := value.(string); !isText {
			return apiconn.Invalidf(field, "The claim %s is not a string. Send a string.", name)
		}
	}
	if text, isText := value.(string); isText {
		return checkClaimText(field, text)
	}
	return nil
}

// checkClaimText checks a text that goes out as, or within, the claim name.
func checkClaimText(name, text string) error {
	switch {
	case len(text) > MaxClaimText:
		return apiconn.Invalidf(name, "The claim %s is longer than %d octets. Send a shorter value.", name, MaxClaimText)
	case !utf8.ValidString(text):
		return apiconn.Invalidf(name, "The claim %s is not valid UTF-8. Send UTF-8.", name)
	}
	return nil
}

func checkIdentities(value any) error {
	identities, ok := value.([]apiconn.Identity)
	switch {
	case !ok:
		return apiconn.Invalidf(claimIdentities, "The claim identities is not an array. Send an array of objects with signInType, issuer and issuerAssignedId.")
	case len(identities) > MaxIdentities:
		return apiconn.Invalidf(claimIdentities, "The claim identities has more than %d entries. Send fewer.", MaxIdentities)
	}
	for i, identity := range identities {
		for _, text := range []string{identity.SignInType, identity.Issuer, identity.IssuerAssignedID} {
			if text == "" {
				return apiconn.Invalidf(claimIdentities, "Entry %d of the claim identities lacks a value. Send signInType, issuer and issuerAssignedId, or leave the entry out.", i)
			}
			if err := checkClaimText(claimIdentities, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// unknownClaim says that a name is none of a claim, and which names are.
func unknownClaim(name string) error {
	for known := range knownClaims {
		if strings.EqualFold(known, name) && !slices.Contains(claimsOfService, known) {
			return apiconn.Invalidf(claimField(name), "The claim %s is not known; case counts. Write %s.", quoteShort(name), known)
		}
	}
	const custom = "a custom attribute as extension_Name or extension_<app id>_Name, its name of letters, digits and '_'"
	names := slices.DeleteFunc(slices.Concat(claimsFirst, claimsLast), func(n string) bool { return slices.Contains(claimsOfService, n) })
	return apiconn.Invalidf(claimField(name), "The claim %s is not known. Send %s, or %s.", quoteShort(name), strings.Join(names, ", "), custom)
}

// knownClaims ranges over the documented names.
func knownClaims(yield func(string) bool) {
	for _, names := range [][]string{claimsFirst, claimsLast} {
		for _, name := range names {
			if !yield(name) {
				return
			}
		}
	}
}

func isClaim(name string) bool {
	return slices.Contains(claimsFirst, name) || slices.Contains(claimsLast, name)
}

// attribute is the name of a custom attribute, taken apart.
type attribute struct {
	app  string // 32 lower-case hex digits; "" in the short form, extension_Name
	name string
}

// parseAttribute takes the name of a claim apart; ok is false if it is none of a custom attribute.
func parseAttribute(claim string) (a attribute, ok bool) {
	rest, ok := strings.CutPrefix(claim, extensionPrefix)
	if !ok {
		return attribute{}, false
	}
	a.name = rest
	for _, length := range []int{32, 36} { // without dashes and with them
		if len(rest) <= length || rest[length] != '_' {
			continue
		}
		if app, ok := canonicalApp(rest[:length]); ok {
			a = attribute{app: app, name: rest[length+1:]}
			break
		}
	}
	strange := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	}
	return a, a.name != "" && len(a.name) <= MaxAttributeName && !strings.ContainsFunc(a.name, strange)
}

// canonicalApp returns the id of an extensions app as it stands in names: 32 lower-case hex digits.
func canonicalApp(id string) (app string, ok bool) {
	app = strings.ToLower(id)
	if len(app) == 36 {
		if app[8] != '-' || app[13] != '-' || app[18] != '-' || app[23] != '-' {
			return "", false
		}
		app = app[:8] + app[9:13] + app[14:18] + app[19:23] + app[24:]
	}
	notHex := func(r rune) bool { return !strings.ContainsRune(jsonHexDigits, r) }
	if len(app) != 32 || strings.ContainsFunc(app, notHex) {
		return "", false
	}
	return app, true
}

// canonicalClaim returns the name that the connector sees for a claim: of a custom attribute the full one, under the
// extensions app unless it names another. app is canonical; without one, short names stay short.
func canonicalClaim(name, app string) string {
	a, custom := parseAttribute(name)
	switch {
	case !custom:
		return name
	case a.app != "":
		app = a.app
	case app == "":
		return name
	}
	return extensionPrefix + app + "_" + a.name
}

// AppendClaims appends claims as a JSON object: the documented names in their order, custom attributes sorted between
// them, nothing escaped but what JSON demands. Claims without a Go value are left out.
func AppendClaims(dst []byte, c apiconn.Claims) []byte {
	names := slices.SortedFunc(maps.Keys(c), func(a, b string) int {
		return cmp.Or(cmp.Compare(claimRank(a), claimRank(b)), cmp.Compare(a, b))
	})
	dst = append(dst, '{')
	first := true
	for _, name := range names {
		if c[name] == nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSONText(dst, name), ':')
		dst = appendClaim(dst, c[name])
	}
	return append(dst, '}')
}

// claimRank is where a name stands among the documented ones.
func claimRank(name string) int {
	if i := slices.Index(claimsFirst, name); i >= 0 {
		return i
	}
	if i := slices.Index(claimsLast, name); i >= 0 {
		return len(claimsFirst) + 1 + i
	}
	return len(claimsFirst)
}

func appendClaim(dst []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendJSONText(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case []apiconn.Identity:
		dst = append(dst, '[')
		for i, identity := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONText(append(dst, `{"signInType":`...), identity.SignInType)
			dst = appendJSONText(append(dst, `,"issuer":`...), identity.Issuer)
			dst = append(appendJSONText(append(dst, `,"issuerAssignedId":`...), identity.IssuerAssignedID), '}')
		}
		return append(dst, ']')
	default: // no Claims has one; JSON all the same
		return appendJSONText(dst, fmt.Sprintf("%T", v))
	}
}

// The lengths, in characters, to which texts of others are cut in what people read.
const (
	maxQuoted = 40
	maxName   = 128
)

// quoteShort quotes a text of somebody else for people: short, on one line, printable.
func quoteShort(text string) string {
	if head, cut := clip(text, maxQuoted); cut {
		return strconv.Quote(head) + "…"
	}
	return strconv.Quote(text)
}

// clipName returns the name of a claim or member as it may stand in a receipt.
func clipName(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, name)
	head, _ := clip(name, maxName)
	return head
}

// claimField returns the field at fault for a claim of that name, which an Error is never without.
func claimField(name string) string {
	if name == "" {
		return "claims"
	}
	return clipName(name)
}

// clip cuts text behind its first n characters.
func clip(text string, n int) (head string, cut bool) {
	for i := range text {
		if n--; n < 0 {
			return text[:i], true
		}
	}
	return text, false
}
