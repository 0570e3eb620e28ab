package signup

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Answer is what came back from a connector: the last attempt's, whole and inflated.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
	Certificate bool // the call proved itself with a client certificate, not with a password
}

// Verdict is what an answer means. Claims are the connector's alone, under their canonical names; see Merge.
type Verdict struct {
	Action      apiconn.Action
	Claims      apiconn.Claims // of Continue
	UserMessage string         // of ShowBlockPage and ValidationError, as the connector wrote it
	Reason      apiconn.DecisionReason
	Detail      string         // for the author of the endpoint: what was found, and what to do; never a claim's value, nor the user message
	Notes       []apiconn.Note // at most MaxNotes
}

// MaxNotes is how many notes a verdict has at the most; where there were more, the last one says so.
const MaxNotes = 50

// The members of answers that are none of the user's claims (runtime contract 5.3), and the version of the contract.
const (
	memberVersion     = "version"
	memberStatus      = "status"
	memberAction      = "action"
	memberUserMessage = "userMessage"

	contractVersion = "1.0.0"
)

// membersAllowed are those that mean nothing to a user flow and do no harm: older pages and custom policies have them.
var membersAllowed = []string{"code", "requestId", "developerMessage", "moreInfo"}

// answerActions are the actions that an answer can ask for.
var answerActions = []apiconn.Action{apiconn.Continue, apiconn.ShowBlockPage, apiconn.ValidationError}

// Judge says what an answer at a step means (runtime contract 5.3): one of the three actions, or Failed with the first rule
// that the answer breaks: of its status, then of its body, version, action, and of what the action needs. sent are the
// claims of the request under any of their names; a custom attribute must come back with the type it was sent with.
//
// It depends on its arguments only, and whatever an endpoint answers there is a verdict.
func Judge(step apiconn.Step, sent apiconn.Claims, extensionsApp string, a Answer) Verdict {
	app, _ := canonicalApp(extensionsApp)
	j := judgement{step: step, app: app, sent: canonicalClaims(sent, app), sentFolded: map[string]bool{}, answer: a}
	for name := range j.sent {
		j.sentFolded[strings.ToLower(name)] = true
	}
	v, fault := j.verdict()
	if fault != nil {
		v = Verdict{Action: apiconn.Failed, Reason: fault.reason, Detail: fault.detail}
	}
	v.Notes = j.notes
	return v
}

// judgement is one run of Judge.
type judgement struct {
	step       apiconn.Step
	app        string          // the extensions app, canonical; "" if none is known
	sent       apiconn.Claims  // canonical
	sentFolded map[string]bool // their names in lower case
	answer     Answer
	members    jsonMembers
	added      int // claims taken that were not sent
	notes      []apiconn.Note
}

// fault is a rule that an answer breaks.
type fault struct {
	reason apiconn.DecisionReason
	detail string
}

func faultf(reason apiconn.DecisionReason, format string, args ...any) *fault {
	return &fault{reason, fmt.Sprintf(format, args...)}
}

func (j *judgement) note(reason apiconn.DecisionReason, claim string) {
	if len(j.notes) == MaxNotes {
		j.notes[MaxNotes-1] = apiconn.Note{Reason: apiconn.NoteMoreNotes}
		return
	}
	j.notes = append(j.notes, apiconn.Note{Reason: reason, Claim: clipName(claim)})
}

func (j *judgement) verdict() (Verdict, *fault) {
	if f := judgeStatus(j.answer.Status, j.answer.Certificate); f != nil {
		return Verdict{}, f
	}
	if f := j.read(); f != nil {
		return Verdict{}, f
	}
	if f := j.version(); f != nil {
		return Verdict{}, f
	}
	action, f := j.action()
	if f != nil {
		return Verdict{}, f
	}
	switch action {
	case apiconn.Continue:
		return j.goOn()
	case apiconn.ShowBlockPage:
		return j.block()
	default:
		return j.correct()
	}
}

// judgeStatus says what is wrong with a status by itself; with 200 and 400 nothing is.
func judgeStatus(status int, certificate bool) *fault {
	switch {
	case status == http.StatusOK, status == http.StatusBadRequest:
		return nil
	case status == http.StatusNoContent:
		return faultf(apiconn.ReasonNoContent, "The endpoint answered HTTP 204, which has no body. Answer HTTP 200 with a JSON object that has version and action.")
	case status >= 300 && status < 400:
		return faultf(apiconn.ReasonRedirected, "The endpoint answered HTTP %d, and redirects are not followed. Set targetUrl to the address that answers by itself.", status)
	case status == http.StatusUnauthorized && certificate:
		return faultf(apiconn.ReasonCertificate401, "The endpoint answered HTTP 401: it does not take the connector's client certificate. Compare the thumbprint in the receipt with what it expects; a gateway before it may not pass the certificate on.")
	case status == http.StatusUnauthorized:
		return faultf(apiconn.ReasonUnauthorized, "The endpoint answered HTTP 401: it does not take the connector's user name and password. Compare them with what it expects.")
	case status == http.StatusForbidden:
		return faultf(apiconn.ReasonForbidden, "The endpoint answered HTTP 403. Look for a firewall or tunnel before it, an API key missing from targetUrl, or a client certificate that it does not allow.")
	case status == http.StatusNotFound:
		return faultf(apiconn.ReasonNotFound, "The endpoint answered HTTP 404. Correct the path of targetUrl, or deploy what should answer there.")
	case status == http.StatusMethodNotAllowed:
		return faultf(apiconn.ReasonMethodNotAllowed, "The endpoint answered HTTP 405. Let it accept POST at the path of targetUrl.")
	case status == http.StatusUnsupportedMediaType:
		return faultf(apiconn.ReasonUnsupportedMedia, "The endpoint answered HTTP 415. Let it accept Content-Type application/json.")
	case status == http.StatusConflict:
		return faultf(apiconn.ReasonCustomPolicy, "The endpoint answered HTTP 409, as one for custom policies does. For a user flow answer HTTP 400 with status 400 and the action ValidationError.")
	case status == http.StatusTooManyRequests:
		return faultf(apiconn.ReasonThrottled, "The endpoint answered HTTP 429: it was asked too often. Raise its limit, or lower maxConcurrent of the connector's call settings.")
	case status == http.StatusServiceUnavailable:
		return faultf(apiconn.ReasonUnavailable, "The endpoint answered HTTP 503: it is down or overloaded, or is still starting.")
	case status >= 500 && status < 600:
		return faultf(apiconn.ReasonServerError, "The endpoint answered HTTP %d. Look for the error in its log, or in that of the gateway before it.", status)
	case status == http.StatusUnprocessableEntity:
		return faultf(apiconn.ReasonStatusUnexpected, "The endpoint answered HTTP 422. To let the user correct what was typed, answer HTTP 400 with status 400 and the action ValidationError.")
	default:
		return faultf(apiconn.ReasonStatusUnexpected, "The endpoint answered HTTP %d; only answers with HTTP 200 and 400 are read. Answer HTTP 200, or HTTP 400 for a ValidationError.", status)
	}
}

// read reads the body as a JSON object. What the endpoint said with HTTP 400 and did not begin as an object is no attempt
// at a ValidationError but some framework's refusal, and is called that.
func (j *judgement) read() *fault {
	body, hasMark := bytes.CutPrefix(j.answer.Body, []byte("\uFEFF"))
	if hasMark {
		j.note(apiconn.NoteByteOrderMark, "")
	}
	media, charset := mediaType(j.answer.ContentType)
	text := bytes.TrimLeft(body, " \t\r\n")
	is400 := j.answer.Status == http.StatusBadRequest
	isObject := bytes.HasPrefix(text, []byte("{")) // or was meant to be one
	isMarkup := media == "text/html" || media == "application/xhtml+xml"
	switch {
	case len(text) == 0 && is400:
		return faultf(apiconn.ReasonBadRequestUnknown, "The answer has HTTP 400 and no body. %s", howToValidate)
	case len(text) == 0:
		return faultf(apiconn.ReasonAnswerEmpty, "The answer has HTTP %d and an empty body. Answer a JSON object that has version and action.", j.answer.Status)
	case bytes.HasPrefix(text, []byte("<")), isMarkup && !isObject:
		return faultf(apiconn.ReasonAnswerHTML, "The answer has HTTP %d, Content-Type %s and a body of HTML or XML: an error or login page, probably of a gateway before the endpoint. Open targetUrl's host and see who answers there.", j.answer.Status, quoteType(j.answer.ContentType))
	}
	members, refused := readJSON(body)
	if is400 && !isObject && (refused == nil || refused.problem != jsonNotUTF8) {
		return faultf(apiconn.ReasonBadRequestUnknown, "The answer has HTTP 400 and a body that is no JSON object. %s", howToValidate)
	}
	if refused != nil {
		return bodyFault(body, refused, charset)
	}
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		j.note(apiconn.NoteContentTypeNotJSON, "")
	}
	j.members = members
	if is400 && !slices.ContainsFunc(members, isOfContract) {
		return faultf(apiconn.ReasonBadRequestUnknown, "The answer has HTTP 400 and a JSON object without version, action and userMessage, as frameworks answer to a request that they do not understand. %s", howToValidate)
	}
	return nil
}

const howToValidate = "If the endpoint found a fault in what the user typed, answer version, status 400, action ValidationError and userMessage; if not, let it accept the request."

// isOfContract tells whether a member shows that somebody meant to answer by the contract.
func isOfContract(m jsonMember) bool {
	return strings.EqualFold(m.name, memberVersion) || strings.EqualFold(m.name, memberAction) || strings.EqualFold(m.name, memberUserMessage)
}

// bodyFault says why a body is no JSON object.
func bodyFault(body []byte, refused *jsonFault, charset string) *fault {
	wide := len(body) > 1 && (body[0] == 0 || body[1] == 0 || bytes.HasPrefix(body, []byte("\xFF\xFE")) || bytes.HasPrefix(body, []byte("\xFE\xFF")))
	switch {
	case wide:
		return faultf(apiconn.ReasonAnswerNotUTF8, "The body is UTF-16 or UTF-32. Write it as UTF-8.")
	case refused.problem == jsonNotUTF8 && charset != "" && !strings.EqualFold(charset, "utf-8"):
		return faultf(apiconn.ReasonAnswerNotUTF8, "The body is not UTF-8 from octet %d on, and Content-Type says the charset %s. Write it as UTF-8.", refused.at, quoteShort(charset))
	case refused.problem == jsonNotUTF8:
		return faultf(apiconn.ReasonAnswerNotUTF8, "The body is not UTF-8, or has an escape of half a surrogate pair, at octet %d. Write it as UTF-8.", refused.at)
	case refused.problem == jsonNotObject && refused.nested:
		return faultf(apiconn.ReasonAnswerNotObject, "The body is a JSON string that holds a JSON object: it was encoded twice. Encode the object once.")
	case refused.problem == jsonNotObject:
		return faultf(apiconn.ReasonAnswerNotObject, "The body is JSON, and is %s. Answer a JSON object that has version and action.", refused.found)
	case refused.problem == jsonTwice:
		return faultf(apiconn.ReasonAnswerMemberTwice, "The member %s comes twice in one object. Write it once.", quoteShort(refused.name))
	case refused.problem == jsonDeep:
		return faultf(apiconn.ReasonAnswerTooDeep, "The body has more than %d objects and arrays within each other. An answer is a flat object.", maxJSONDepth)
	case refused.problem == jsonMany:
		return faultf(apiconn.ReasonAnswerTooLarge, "The body has more than %d JSON values. An answer has version, action and a few claims.", maxJSONValues)
	default:
		return faultf(apiconn.ReasonAnswerNotJSON, "The body is not valid JSON near octet %d of %d. Write it with a JSON library, not by hand.", refused.at, len(body))
	}
}

// mediaType returns what a Content-Type says, lower-case; "" for what cannot be read.
func mediaType(contentType string) (media, charset string) {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		head, _, _ := strings.Cut(contentType, ";")
		return strings.ToLower(strings.TrimSpace(head)), ""
	}
	return media, parameters["charset"]
}

// quoteType quotes a Content-Type for people.
func quoteType(contentType string) string {
	if contentType == "" {
		return "absent"
	}
	return quoteShort(contentType)
}

// inOtherCase says, as the end of a sentence, that a member is there in another case than the one it must have.
func (j *judgement) inOtherCase(name string) string {
	for _, m := range j.members {
		if m.name != name && strings.EqualFold(m.name, name) {
			return fmt.Sprintf(" (there is %s; case counts)", quoteShort(m.name))
		}
	}
	return ""
}

// version checks the member version.
func (j *judgement) version() *fault {
	switch v, there := j.members.get(memberVersion); {
	case !there:
		return faultf(apiconn.ReasonVersionAbsent, `The answer has no member version%s. Add "version": "1.0.0".`, j.inOtherCase(memberVersion))
	case v.kind == jsonNull:
		return faultf(apiconn.ReasonVersionAbsent, `The member version is null. Write "version": "1.0.0".`)
	case v.kind != jsonString:
		return faultf(apiconn.ReasonVersionNotString, `The member version is %s. Write it as a string: "version": "1.0.0".`, v.kind)
	case v.text != contractVersion:
		return faultf(apiconn.ReasonVersionUnsupported, `The member version is %s. Write "version": "1.0.0".`, quoteShort(v.text))
	}
	return nil
}

// action reads the member action and checks that it may be answered at the step.
func (j *judgement) action() (apiconn.Action, *fault) {
	v, there := j.members.get(memberAction)
	allowed := actionNames(j.step.Answers)
	switch {
	case !there && j.answer.Status == http.StatusBadRequest:
		return "", faultf(apiconn.ReasonActionAbsent, `The answer has HTTP 400 and no member action%s; answers to custom policies have none, those to user flows must. Add "action": "ValidationError".`, j.inOtherCase(memberAction))
	case !there:
		return "", faultf(apiconn.ReasonActionAbsent, "The answer has no member action%s. Add it with one of: %s.", j.inOtherCase(memberAction), allowed)
	case v.kind == jsonNull:
		return "", faultf(apiconn.ReasonActionAbsent, "The member action is null. Write one of: %s.", allowed)
	case v.kind != jsonString:
		return "", faultf(apiconn.ReasonActionNotString, "The member action is %s. Write one of these strings: %s.", v.kind, allowed)
	}
	action := apiconn.Action(v.text)
	if !slices.Contains(answerActions, action) {
		for _, known := range answerActions {
			if strings.EqualFold(v.text, string(known)) {
				return "", faultf(apiconn.ReasonActionWrongCase, "The member action is %s; case counts. Write %q.", quoteShort(v.text), string(known))
			}
		}
		return "", faultf(apiconn.ReasonActionUnknown, "The member action is %s. Write one of: %s.", quoteShort(v.text), allowed)
	}
	if !slices.Contains(j.step.Answers, action) {
		return "", faultf(apiconn.ReasonActionNotAllowed, "The action %s cannot be answered at the step %s. Answer one of: %s.", action, j.step.Name, allowed)
	}
	return action, nil
}

func actionNames(actions []apiconn.Action) string {
	names := make([]string, len(actions))
	for i, action := range actions {
		names[i] = string(action)
	}
	return strings.Join(names, ", ")
}

// block judges an answer with the action ShowBlockPage.
func (j *judgement) block() (Verdict, *fault) {
	if j.answer.Status != http.StatusOK {
		return Verdict{}, faultf(apiconn.ReasonBlockPageWith400, "The action ShowBlockPage came with HTTP 400. Answer it with HTTP 200.")
	}
	j.sweep(memberVersion, memberAction, memberUserMessage)
	message, f := j.userMessage(apiconn.ShowBlockPage)
	if f != nil {
		return Verdict{}, f
	}
	return Verdict{Action: apiconn.ShowBlockPage, UserMessage: message, Reason: apiconn.ReasonBlocked, Detail: "The endpoint ended the sign-up with ShowBlockPage."}, nil
}

// correct judges an answer with the action ValidationError.
func (j *judgement) correct() (Verdict, *fault) {
	if j.answer.Status != http.StatusBadRequest {
		return Verdict{}, faultf(apiconn.ReasonValidationWithout400, "The action ValidationError came with HTTP %d. Answer it with HTTP 400, and with the member status 400.", j.answer.Status)
	}
	if f := j.status(); f != nil {
		return Verdict{}, f
	}
	j.sweep(memberVersion, memberAction, memberUserMessage, memberStatus)
	message, f := j.userMessage(apiconn.ValidationError)
	if f != nil {
		return Verdict{}, f
	}
	return Verdict{Action: apiconn.ValidationError, UserMessage: message, Reason: apiconn.ReasonValidationFailed, Detail: "The endpoint asked the user to correct the attributes with ValidationError."}, nil
}

// status checks the member status of a ValidationError: the number 400, however it is written, or the string "400".
func (j *judgement) status() *fault {
	v, there := j.members.get(memberStatus)
	switch {
	case !there:
		return faultf(apiconn.ReasonValidationStatusAbsent, `The ValidationError has no member status%s. Add "status": 400 to the body, beside HTTP 400.`, j.inOtherCase(memberStatus))
	case v.kind == jsonNull:
		return faultf(apiconn.ReasonValidationStatusAbsent, `The member status of the ValidationError is null. Write "status": 400.`)
	case v.kind == jsonNumber:
		if n, whole := wholeNumber(v.text); !whole || n != http.StatusBadRequest {
			return faultf(apiconn.ReasonValidationStatusNot400, `The member status of the ValidationError is %s. Write "status": 400.`, quoteNumber(v.text))
		}
	case v.kind != jsonString:
		return faultf(apiconn.ReasonValidationStatusType, `The member status of the ValidationError is %s. Write "status": 400.`, v.kind)
	case v.text != strconv.Itoa(http.StatusBadRequest):
		return faultf(apiconn.ReasonValidationStatusNot400, `The member status of the ValidationError is the string %s. Write "status": 400.`, quoteShort(v.text))
	}
	return nil
}

// quoteNumber shows a number as it was written, unless somebody wrote a long one.
func quoteNumber(text string) string {
	if head, cut := clip(text, maxQuoted); cut {
		return head + "…"
	}
	return text
}

// userMessage returns the text for the user, which must have something to see.
func (j *judgement) userMessage(action apiconn.Action) (string, *fault) {
	v, there := j.members.get(memberUserMessage)
	switch {
	case !there:
		return "", faultf(apiconn.ReasonUserMessageAbsent, "The action %s came without the member userMessage%s. Add it: it is what the user reads.", action, j.inOtherCase(memberUserMessage))
	case v.kind == jsonNull:
		return "", faultf(apiconn.ReasonUserMessageAbsent, "The member userMessage of %s is null. Write what the user is to read.", action)
	case v.kind != jsonString:
		return "", faultf(apiconn.ReasonUserMessageNotString, "The member userMessage of %s is %s. Write a string.", action, v.kind)
	case !strings.ContainsFunc(v.text, visible):
		return "", faultf(apiconn.ReasonUserMessageEmpty, "The member userMessage of %s is empty or blank. Write what the user is to read.", action)
	}
	return v.text, nil
}

// visible tells whether a character shows.
func visible(r rune) bool {
	return r != utf8.RuneError && unicode.IsPrint(r) && !unicode.IsSpace(r)
}
