package signup

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// goOn judges an answer with the action Continue: every member that is none of the contract's is a claim. The sign-up goes
// on with those that can be taken, and the others are noted; only a type that the attribute cannot have fails the step,
// because what the user would become of it is anybody's guess.
func (j *judgement) goOn() (Verdict, *fault) {
	if j.answer.Status != http.StatusOK {
		return Verdict{}, faultf(apiconn.ReasonContinueWith400, "The action Continue came with HTTP 400. Answer it with HTTP 200.")
	}
	claims := apiconn.Claims{}
	var first *fault // the others are not told, but all notes are
	for _, m := range j.members {
		switch {
		case m.name == memberVersion, m.name == memberAction, slices.Contains(membersAllowed, m.name):
		case m.name == memberUserMessage:
			j.noteUnlessNull(apiconn.NoteUserMessageUnexpected, m)
		case m.name == memberStatus:
			j.noteUnlessNull(apiconn.NoteStatusUnexpected, m)
		default:
			if f := j.take(claims, m); f != nil && first == nil {
				first = f
			}
		}
	}
	if first != nil {
		return Verdict{}, first
	}
	return Verdict{Action: apiconn.Continue, Claims: claims, Reason: apiconn.ReasonContinued, Detail: "The endpoint let the sign-up go on with Continue."}, nil
}

// noteUnlessNull notes a member that has no place in an answer. Serializers of typed languages write all members that an
// answer of any action can have, as null; nobody needs to hear of it.
func (j *judgement) noteUnlessNull(reason apiconn.DecisionReason, m jsonMember) {
	if m.value.kind != jsonNull {
		j.note(reason, m.name)
	}
}

// take puts a claim of the answer among claims, or notes why not.
func (j *judgement) take(claims apiconn.Claims, m jsonMember) *fault {
	if note := j.strange(m.name); note != "" {
		j.note(note, m.name)
		return nil
	}
	_, custom := parseAttribute(m.name)
	switch {
	case m.value.kind == jsonNull:
		j.note(apiconn.NoteClaimNull, m.name)
		return nil
	case m.name == claimEmail:
		if m.value.kind != jsonString || j.sent[claimEmail] != m.value.text {
			j.note(apiconn.NoteEmailNotOverwritten, m.name)
		}
		return nil
	case m.name == claimIdentities, slices.Contains(claimsLast, m.name):
		j.note(apiconn.NoteClaimNotWritable, m.name)
		return nil
	case custom:
		return j.takeAttribute(claims, m)
	case m.value.kind != jsonString:
		return faultf(apiconn.ReasonClaimWrongType, "The claim %s is %s. Write a string, or leave the claim out.", m.name, m.value.kind)
	}
	return j.put(claims, m, m.name, m.value.text)
}

// put puts a claim that can be taken among claims. The limits are those of a caller's claims, who may send at the next
// step what this one answered.
func (j *judgement) put(claims apiconn.Claims, m jsonMember, canonical string, value any) *fault {
	if len(m.value.text) > MaxClaimText && m.value.kind == jsonString {
		return faultf(apiconn.ReasonClaimTooLong, "The claim %s is longer than %d octets. Answer a shorter value.", m.name, MaxClaimText)
	}
	_, sent := j.sent[canonical]
	if _, twice := claims[canonical]; !sent && !twice {
		if j.added++; len(j.sent)+j.added > MaxClaims {
			return faultf(apiconn.ReasonTooManyClaims, "The claims of the request and those of the answer are more than %d. Answer those only that the endpoint sets.", MaxClaims)
		}
	}
	claims[canonical] = value
	return nil
}

// takeAttribute puts a custom attribute among claims, under its canonical name.
func (j *judgement) takeAttribute(claims apiconn.Claims, m jsonMember) *fault {
	canonical := canonicalClaim(m.name, j.app)
	var value any
	switch v := m.value; v.kind {
	case jsonString:
		value = v.text
	case jsonBool:
		value = v.truth
	case jsonNumber:
		n, whole := wholeNumber(v.text)
		if !whole {
			return faultf(apiconn.ReasonClaimWrongType, "The claim %s is a number with a fraction, or beyond 64 bits. Custom attributes are strings, booleans or whole numbers.", m.name)
		}
		value = n
	default:
		return faultf(apiconn.ReasonClaimWrongType, "The claim %s is %s. Custom attributes are strings, booleans or whole numbers.", m.name, v.kind)
	}
	if sent := j.sent[canonical]; sent != nil && goTypeName(sent) != goTypeName(value) {
		return faultf(apiconn.ReasonClaimWrongType, "The claim %s came back as %s and was sent as %s. Keep the type of the attribute.", m.name, goTypeName(value), goTypeName(sent))
	}
	if other, twice := claims[canonical]; twice && other != value {
		return faultf(apiconn.ReasonAnswerMemberTwice, "The custom attribute %s comes twice, with the app id and without it, and with two values. Write it once.", m.name)
	}
	return j.put(claims, m, canonical, value)
}

// goTypeName names the type of a custom attribute's value for people.
func goTypeName(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64:
		return "a whole number"
	default:
		return "another type"
	}
}

// namesOfContract are all names that mean something in an answer, custom attributes aside.
var namesOfContract = slices.Concat(claimsFirst, claimsLast, membersAllowed, []string{memberVersion, memberAction, memberUserMessage, memberStatus})

// strange says what there is to note about a name that is none of a claim at this endpoint; "" if it is one.
func (j *judgement) strange(name string) apiconn.DecisionReason {
	if isClaim(name) {
		return ""
	}
	if slices.ContainsFunc(namesOfContract, func(known string) bool { return strings.EqualFold(known, name) }) {
		return apiconn.NoteClaimWrongCase
	}
	a, custom := parseAttribute(name)
	if !custom {
		if len(name) > len(extensionPrefix) && strings.EqualFold(name[:len(extensionPrefix)], extensionPrefix) && !strings.HasPrefix(name, extensionPrefix) {
			return apiconn.NoteClaimWrongCase
		}
		return apiconn.NoteClaimUnknown
	}
	canonical := canonicalClaim(name, j.app)
	if _, sent := j.sent[canonical]; sent {
		return ""
	}
	if a.app != "" && a.app != j.app {
		return apiconn.NoteClaimOfOtherApp
	}
	if j.sentFolded[strings.ToLower(canonical)] {
		return apiconn.NoteClaimWrongCase
	}
	return ""
}

// sweep notes what stands beside the members that an answer without claims may have.
func (j *judgement) sweep(expected ...string) {
	for _, m := range j.members {
		if slices.Contains(expected, m.name) || slices.Contains(membersAllowed, m.name) {
			continue
		}
		note := apiconn.NoteClaimWithoutContinue
		if m.name == memberStatus {
			note = apiconn.NoteStatusUnexpected
		} else if strange := j.strange(m.name); strange != "" {
			note = strange
		}
		j.noteUnlessNull(note, m)
	}
}

// canonicalClaims returns claims under the names that the connector sees.
func canonicalClaims(claims apiconn.Claims, app string) apiconn.Claims {
	out := make(apiconn.Claims, len(claims))
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		out[canonicalClaim(name, app)] = claims[name]
	}
	return out
}

// Merge lays the claims that a connector answered over those it was sent. An attribute comes back under the name that the
// caller has for it, one that the caller did not send under its full name.
func Merge(sent, received apiconn.Claims, extensionsApp string) apiconn.Claims {
	app, _ := canonicalApp(extensionsApp)
	merged := make(apiconn.Claims, len(sent)+len(received))
	callers := make(map[string]string, len(sent)) // by canonical name
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		merged[name] = sent[name]
		callers[canonicalClaim(name, app)] = name
	}
	for _, name := range slices.Sorted(maps.Keys(received)) {
		canonical := canonicalClaim(name, app)
		if callers[canonical] == "" {
			callers[canonical] = canonical
		}
		merged[callers[canonical]] = received[name]
	}
	return merged
}
