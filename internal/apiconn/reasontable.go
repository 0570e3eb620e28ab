package apiconn

import "slices"

// ReasonFacts is what there is to know of a reason.
type ReasonFacts struct {
	Reason   DecisionReason
	Effect   Effect
	Sentence string // one sentence for people: what it means and what to do
}

// reasons has every reason, in the order of the constants. A test compares the two.
var reasons = []ReasonFacts{
	{ReasonContinued, Decides, "The endpoint answered Continue; the sign-up goes on with its claims laid over those that it was sent."},
	{ReasonNoConnector, Decides, "The step calls no connector, so the sign-up goes on; link one to the step if it should."},
	{ReasonBlocked, Decides, "The endpoint answered ShowBlockPage; show the user message and end the sign-up."},
	{ReasonValidationFailed, Decides, "The endpoint answered ValidationError; show the user message and let the user correct the attributes."},

	{ReasonCredentialUnreadable, Fails, "The connector's password or private key cannot be decrypted with the service's keys; restore the keys, or give the connector the credential again."},
	{ReasonNoValidCertificate, Fails, "None of the connector's certificates is valid now; upload one that is."},
	{ReasonTargetURLUnusable, Fails, "The connector's targetUrl cannot be called by this service as it is set up; correct the URL, or allow plain http if it is one."},
	{ReasonSettingsUnusable, Fails, "The connector's call settings cannot be applied, such as trusted roots that cannot be read; correct them."},
	{ReasonCircuitOpen, Fails, "The endpoint failed too often of late, so it is spared calls for a while; mend it, and calls resume by themselves."},
	{ReasonTooManyCalls, Fails, "As many calls to this connector are under way as its maxConcurrent allows; make the endpoint faster, or raise the limit."},
	{ReasonInterrupted, Fails, "The step ended before its call did, because the caller went away or the service stopped; repeat it with the same Idempotency-Key."},

	{ReasonAddressBlocked, Fails, "The address of the endpoint is private, local or otherwise not for calls; correct targetUrl or its DNS record, or let the operator make an exception."},
	{ReasonDNSNotFound, Fails, "The name in targetUrl does not exist in DNS; correct the URL or add the record."},
	{ReasonDNSFailed, Fails, "The name in targetUrl could not be looked up, because DNS answered an error; look at the zone's name servers and at the resolver of this host."},
	{ReasonDNSTimeout, Fails, "DNS did not answer in time for the name in targetUrl; look at the zone's name servers and at the resolver of this host."},
	{ReasonConnectRefused, Fails, "Nothing listens at the endpoint's address and port; start the endpoint, or correct the port in targetUrl."},
	{ReasonConnectTimeout, Fails, "No connection to the endpoint came about in time; look for a firewall that drops packets, or for a host that is down."},
	{ReasonConnectFailed, Fails, "No connection to the endpoint came about, because of its network or ours; look at routes and firewalls between the two."},
	{ReasonTLSTimeout, Fails, "The endpoint accepted the connection and did not finish the TLS handshake in time; look at its load."},
	{ReasonTLSNotSpoken, Fails, "The endpoint does not speak TLS at this port; correct the port in targetUrl, or switch TLS on."},
	{ReasonTLSVersion, Fails, "The endpoint offers no TLS version from 1.2 on; switch TLS 1.2 or 1.3 on."},
	{ReasonTLSNoCommonSuite, Fails, "The endpoint and the service have no cipher suite in common; allow an ECDHE suite with AES-GCM at the endpoint."},
	{ReasonTLSUntrusted, Fails, "The endpoint's certificate comes from no authority that is trusted for this connector; send the whole chain, use a public authority, or set the connector's trusted roots."},
	{ReasonTLSWrongName, Fails, "The endpoint's certificate is for another name than the one in targetUrl; correct the URL, or get a certificate for its name."},
	{ReasonTLSExpired, Fails, "The endpoint's certificate, or one above it, has expired or is not valid yet; renew it, and check the clocks of both hosts."},
	{ReasonTLSNotPinned, Fails, "None of the keys in the endpoint's certificate chain is pinned in the connector's call settings; pin the new key if the change is meant."},
	{ReasonTLSCertificateRefused, Fails, "The endpoint refused the client certificate; let it accept the connector's certificate: its issuer, subject or thumbprint, and its validity."},
	{ReasonTLSCertificateRequired, Fails, "The endpoint requires a client certificate and the connector has none to present; upload one, or do not require it."},
	{ReasonTLSLateCertificate, Fails, "The endpoint asked for a client certificate after the handshake, which is refused by default; let it ask during the handshake, or allow it in the connector's call settings."},
	{ReasonTLSFailed, Fails, "The TLS handshake with the endpoint failed; the detail has the alert or error, and the endpoint's log the other half."},
	{ReasonConnectionReset, Fails, "The endpoint, or something before it, reset the connection; look at its log and at the gateway's."},
	{ReasonConnectionClosed, Fails, "The endpoint closed the connection without an answer; look for a crash in its log."},
	{ReasonRequestTimeout, Fails, "The endpoint did not read the request in time; look at its load."},
	{ReasonAnswerTimeout, Fails, "The endpoint read the request and did not begin to answer in time; make it faster, or give the connector a greater budget."},
	{ReasonAnswerNotHTTP, Fails, "What the endpoint sent is not HTTP; correct the port in targetUrl."},
	{ReasonAnswerHeadersTooLarge, Fails, "The headers of the answer are too large; remove cookies and the like from it."},
	{ReasonAnswerBodyTimeout, Fails, "The body of the answer did not arrive completely in time; make the endpoint faster, or give the connector a greater budget."},
	{ReasonAnswerCutShort, Fails, "The connection ended before the answer did; look for a crash or a wrong Content-Length at the endpoint."},
	{ReasonAnswerTooLarge, Fails, "The answer is larger than the service reads; answer version, action and a few claims only."},
	{ReasonAnswerEncodingUnknown, Fails, "The answer has a Content-Encoding that was not asked for; send it with gzip or as it is."},
	{ReasonAnswerEncodingBroken, Fails, "The answer is not what its Content-Encoding says; look for a gateway that compresses twice or strips the header."},

	{ReasonRedirected, Fails, "The endpoint redirects, which is never followed, because the credential is for one address only; set targetUrl to the address that answers by itself."},
	{ReasonUnauthorized, Fails, "The endpoint answered HTTP 401: it does not take the connector's user name and password; make the two agree."},
	{ReasonCertificate401, Fails, "The endpoint answered HTTP 401 to the connector's client certificate; let it accept that certificate, or upload the one that it expects."},
	{ReasonForbidden, Fails, "The endpoint answered HTTP 403; look for a firewall or tunnel before it, a missing API key, or a certificate that it does not allow."},
	{ReasonNotFound, Fails, "The endpoint answered HTTP 404; correct the path of targetUrl, or deploy what should answer there."},
	{ReasonMethodNotAllowed, Fails, "The endpoint answered HTTP 405; let it accept POST."},
	{ReasonUnsupportedMedia, Fails, "The endpoint answered HTTP 415; let it accept application/json."},
	{ReasonCustomPolicy, Fails, "The endpoint answered HTTP 409, which is for custom policies; for user flows answer HTTP 400 with the action ValidationError."},
	{ReasonThrottled, Fails, "The endpoint answered HTTP 429; raise its limit, or lower the connector's maxConcurrent."},
	{ReasonUnavailable, Fails, "The endpoint answered HTTP 503; it is down, overloaded or still starting."},
	{ReasonServerError, Fails, "The endpoint, or a gateway before it, answered with a server error; look into their logs."},
	{ReasonStatusUnexpected, Fails, "The endpoint answered with a status that means nothing here; answer HTTP 200, or HTTP 400 for a ValidationError."},
	{ReasonNoContent, Fails, "The endpoint answered HTTP 204, which has no body; answer HTTP 200 with version and action."},
	{ReasonBadRequestUnknown, Fails, "The endpoint answered HTTP 400 without a ValidationError; let it accept the request, or answer version, status, action and userMessage."},

	{ReasonAnswerEmpty, Fails, "The answer has an empty body; answer a JSON object with version and action."},
	{ReasonAnswerHTML, Fails, "The answer is an HTML or XML page, of an error or a login, probably of a gateway before the endpoint; see who answers at targetUrl."},
	{ReasonAnswerNotUTF8, Fails, "The answer is not UTF-8; write it as UTF-8."},
	{ReasonAnswerNotJSON, Fails, "The answer is not valid JSON; write it with a JSON library."},
	{ReasonAnswerNotObject, Fails, "The answer is JSON and no object; answer an object, encoded once."},
	{ReasonAnswerMemberTwice, Fails, "A member comes twice in the answer, so that nobody can tell which one counts; write it once."},
	{ReasonAnswerTooDeep, Fails, "The answer has too many objects and arrays within each other; answer a flat object."},

	{ReasonVersionAbsent, Fails, `The answer has no version; add "version": "1.0.0".`},
	{ReasonVersionNotString, Fails, `The version of the answer is not a string; write "version": "1.0.0".`},
	{ReasonVersionUnsupported, Fails, `The version of the answer is another than 1.0.0; write "version": "1.0.0".`},

	{ReasonActionAbsent, Fails, "The answer has no action; add Continue, ShowBlockPage or ValidationError."},
	{ReasonActionNotString, Fails, "The action of the answer is not a string; write Continue, ShowBlockPage or ValidationError."},
	{ReasonActionWrongCase, Fails, "The action of the answer is written in another case; write it exactly Continue, ShowBlockPage or ValidationError."},
	{ReasonActionUnknown, Fails, "There is no such action; write Continue, ShowBlockPage or ValidationError."},
	{ReasonActionNotAllowed, Fails, "The action exists and cannot be answered at this step; the detail names those that can."},

	{ReasonContinueWith400, Fails, "The action Continue came with HTTP 400; answer it with HTTP 200."},
	{ReasonBlockPageWith400, Fails, "The action ShowBlockPage came with HTTP 400; answer it with HTTP 200."},
	{ReasonValidationWithout400, Fails, "The action ValidationError came with HTTP 200; answer it with HTTP 400."},
	{ReasonValidationStatusAbsent, Fails, `The ValidationError has no status in its body; add "status": 400, beside HTTP 400.`},
	{ReasonValidationStatusType, Fails, `The status in the body of the ValidationError is neither number nor string; write "status": 400.`},
	{ReasonValidationStatusNot400, Fails, `The status in the body of the ValidationError is not 400; write "status": 400.`},

	{ReasonUserMessageAbsent, Fails, "The action needs a userMessage and has none; add what the user is to read."},
	{ReasonUserMessageNotString, Fails, "The userMessage is not a string; write one."},
	{ReasonUserMessageEmpty, Fails, "The userMessage is empty or blank; write what the user is to read."},

	{ReasonClaimWrongType, Fails, "A claim has a type that its attribute cannot have; write strings, and keep the type in which a custom attribute was sent."},
	{ReasonClaimTooLong, Fails, "A claim of the answer is longer than a claim can be; answer a shorter value."},
	{ReasonTooManyClaims, Fails, "The answer has more claims than a sign-up can have; answer those only that the endpoint sets."},

	{NoteClaimNull, Noted, "A claim is null and was passed over; leave out what has no value."},
	{NoteClaimUnknown, Noted, "A member is neither a claim nor part of the contract and was passed over; write a custom attribute as extension_Name."},
	{NoteClaimWrongCase, Noted, "A member differs from a name of the contract or of a claim that was sent in case only, and was passed over; correct its case."},
	{NoteClaimNotWritable, Noted, "A claim cannot be set by an endpoint and was passed over; leave it out."},
	{NoteEmailNotOverwritten, Noted, "The email differs from the one that was sent, which cannot be changed; leave it out."},
	{NoteClaimOfOtherApp, Noted, "A custom attribute has the app id of another extensions app and was passed over; write extension_Name without an app id."},
	{NoteContentTypeNotJSON, Noted, "The answer is JSON and its Content-Type does not say so; send application/json."},
	{NoteByteOrderMark, Noted, "The answer begins with a byte order mark, which was passed over; write UTF-8 without one."},
	{NoteUserMessageUnexpected, Noted, "A userMessage came with Continue and is shown to nobody; leave it out, or answer ShowBlockPage."},
	{NoteStatusUnexpected, Noted, "A status stands in the body of an answer that is no ValidationError and was passed over; leave it out."},
	{NoteClaimWithoutContinue, Noted, "A claim came with an action other than Continue and was passed over; leave it out."},
	{NoteMoreNotes, Noted, "There was more to note than a receipt keeps; mend what is noted and look again."},
}

// Reasons returns every reason there is, in the order in which a step comes to them.
func Reasons() []ReasonFacts { return slices.Clone(reasons) }

// ReasonByName finds a reason.
func ReasonByName(name DecisionReason) (ReasonFacts, bool) {
	i := slices.IndexFunc(reasons, func(f ReasonFacts) bool { return f.Reason == name })
	if i < 0 {
		return ReasonFacts{}, false
	}
	return reasons[i], true
}
