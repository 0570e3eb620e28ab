package apiconn

// DecisionReason names the rule that decided a step. Names are stable: clients and dashboards may compare them.
type DecisionReason string

// Effect says what a reason does to a step.
type Effect string

// The effects.
const (
	Decides Effect = "decides" // it is the connector's answer, obeyed
	Fails   Effect = "fails"   // the step is Failed
	Noted   Effect = "noted"   // it is wrong, is written into the receipt, and does not decide
)

// The reasons of a decision that follows the connector, or that there is none.
const (
	ReasonContinued        DecisionReason = "continued"
	ReasonNoConnector      DecisionReason = "no_connector"
	ReasonBlocked          DecisionReason = "blocked"
	ReasonValidationFailed DecisionReason = "validation_failed"
)

// The reasons why no call was made.
const (
	ReasonCredentialUnreadable DecisionReason = "credential_unreadable"
	ReasonNoValidCertificate   DecisionReason = "no_valid_certificate"
	ReasonTargetURLUnusable    DecisionReason = "target_url_unusable"
	ReasonSettingsUnusable     DecisionReason = "call_settings_unusable"
	ReasonCircuitOpen          DecisionReason = "circuit_open"
	ReasonTooManyCalls         DecisionReason = "too_many_calls"
	ReasonInterrupted          DecisionReason = "interrupted"
)

// The reasons why no answer came, or not all of it.
const (
	ReasonAddressBlocked         DecisionReason = "address_blocked"
	ReasonDNSNotFound            DecisionReason = "dns_name_not_found"
	ReasonDNSFailed              DecisionReason = "dns_failed"
	ReasonDNSTimeout             DecisionReason = "dns_timeout"
	ReasonConnectRefused         DecisionReason = "connect_refused"
	ReasonConnectTimeout         DecisionReason = "connect_timeout"
	ReasonConnectFailed          DecisionReason = "connect_failed"
	ReasonTLSTimeout             DecisionReason = "tls_timeout"
	ReasonTLSNotSpoken           DecisionReason = "tls_not_spoken"
	ReasonTLSVersion             DecisionReason = "tls_version_too_old"
	ReasonTLSNoCommonSuite       DecisionReason = "tls_no_common_suite"
	ReasonTLSUntrusted           DecisionReason = "tls_certificate_untrusted"
	ReasonTLSWrongName           DecisionReason = "tls_certificate_wrong_name"
	ReasonTLSExpired             DecisionReason = "tls_certificate_not_valid_now"
	ReasonTLSNotPinned           DecisionReason = "tls_key_not_pinned"
	ReasonTLSCertificateRefused  DecisionReason = "tls_client_certificate_refused"
	ReasonTLSCertificateRequired DecisionReason = "tls_client_certificate_required"
	ReasonTLSLateCertificate     DecisionReason = "tls_late_certificate_request"
	ReasonTLSFailed              DecisionReason = "tls_failed"
	ReasonConnectionReset        DecisionReason = "connection_reset"
	ReasonConnectionClosed       DecisionReason = "connection_closed"
	ReasonRequestTimeout         DecisionReason = "request_timeout"
	ReasonAnswerTimeout          DecisionReason = "answer_timeout"
	ReasonAnswerNotHTTP          DecisionReason = "answer_not_http"
	ReasonAnswerHeadersTooLarge  DecisionReason = "answer_headers_too_large"
	ReasonAnswerBodyTimeout      DecisionReason = "answer_body_timeout"
	ReasonAnswerCutShort         DecisionReason = "answer_cut_short"
	ReasonAnswerTooLarge         DecisionReason = "answer_too_large"
	ReasonAnswerEncodingUnknown  DecisionReason = "answer_encoding_unknown"
	ReasonAnswerEncodingBroken   DecisionReason = "answer_encoding_broken"
)

// The reasons why an answer's status does not do.
const (
	ReasonRedirected        DecisionReason = "target_redirected"
	ReasonUnauthorized      DecisionReason = "target_refused_credentials"
	ReasonCertificate401    DecisionReason = "target_refused_certificate"
	ReasonForbidden         DecisionReason = "target_forbade"
	ReasonNotFound          DecisionReason = "target_not_found"
	ReasonMethodNotAllowed  DecisionReason = "target_method_not_allowed"
	ReasonUnsupportedMedia  DecisionReason = "target_unsupported_media_type"
	ReasonCustomPolicy      DecisionReason = "custom_policy_answer"
	ReasonThrottled         DecisionReason = "target_throttled"
	ReasonUnavailable       DecisionReason = "target_unavailable"
	ReasonServerError       DecisionReason = "target_server_error"
	ReasonStatusUnexpected  DecisionReason = "target_status_unexpected"
	ReasonNoContent         DecisionReason = "target_no_content"
	ReasonBadRequestUnknown DecisionReason = "bad_request_without_validation_error"
)

// The reasons why an answer's body does not do.
const (
	ReasonAnswerEmpty       DecisionReason = "answer_empty"
	ReasonAnswerHTML        DecisionReason = "target_returned_html"
	ReasonAnswerNotUTF8     DecisionReason = "answer_not_utf8"
	ReasonAnswerNotJSON     DecisionReason = "answer_not_json"
	ReasonAnswerNotObject   DecisionReason = "answer_not_object"
	ReasonAnswerMemberTwice DecisionReason = "answer_member_twice"
	ReasonAnswerTooDeep     DecisionReason = "answer_too_deep"

	ReasonVersionAbsent      DecisionReason = "version_absent"
	ReasonVersionNotString   DecisionReason = "version_not_string"
	ReasonVersionUnsupported DecisionReason = "version_unsupported"

	ReasonActionAbsent     DecisionReason = "action_absent"
	ReasonActionNotString  DecisionReason = "action_not_string"
	ReasonActionWrongCase  DecisionReason = "action_wrong_case"
	ReasonActionUnknown    DecisionReason = "action_unknown"
	ReasonActionNotAllowed DecisionReason = "action_not_allowed_at_step"

	ReasonContinueWith400        DecisionReason = "continue_with_status_400"
	ReasonBlockPageWith400       DecisionReason = "block_page_with_status_400"
	ReasonValidationWithout400   DecisionReason = "validation_error_without_status_400"
	ReasonValidationStatusAbsent DecisionReason = "validation_error_status_absent"
	ReasonValidationStatusType   DecisionReason = "validation_error_status_wrong_type"
	ReasonValidationStatusNot400 DecisionReason = "validation_error_status_not_400"

	ReasonUserMessageAbsent    DecisionReason = "user_message_absent"
	ReasonUserMessageNotString DecisionReason = "user_message_not_string"
	ReasonUserMessageEmpty     DecisionReason = "user_message_empty"

	ReasonClaimWrongType DecisionReason = "claim_wrong_type"
	ReasonClaimTooLong   DecisionReason = "claim_too_long"
	ReasonTooManyClaims  DecisionReason = "too_many_claims"
)

// The reasons that are noted and do not decide.
const (
	NoteClaimNull             DecisionReason = "claim_null"
	NoteClaimUnknown          DecisionReason = "claim_unknown"
	NoteClaimWrongCase        DecisionReason = "claim_wrong_case"
	NoteClaimNotWritable      DecisionReason = "claim_not_writable"
	NoteEmailNotOverwritten   DecisionReason = "email_not_overwritten"
	NoteClaimOfOtherApp       DecisionReason = "claim_of_other_extensions_app"
	NoteContentTypeNotJSON    DecisionReason = "content_type_not_json"
	NoteByteOrderMark         DecisionReason = "answer_byte_order_mark"
	NoteUserMessageUnexpected DecisionReason = "user_message_unexpected"
	NoteStatusUnexpected      DecisionReason = "status_member_unexpected"
	NoteClaimWithoutContinue  DecisionReason = "claim_without_continue"
	NoteMoreNotes             DecisionReason = "more_notes"
)
