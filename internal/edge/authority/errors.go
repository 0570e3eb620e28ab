package authority

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
)

// failure is how an error is answered: status, OAuth error code (RFC 6749 section 5.2), AADSTS number.
type failure struct {
	status int
	code   string
	number int // 0: Entra has none
}

// reasons is the bridge from the token endpoint's reasons to Entra's numbers (contract section 4.5).
var reasons = map[apiconn.Reason]failure{
	apiconn.ReasonTenantUnknown:       {http.StatusBadRequest, "invalid_request", 90002},
	apiconn.ReasonApplicationUnknown:  {http.StatusBadRequest, "unauthorized_client", 700016},
	apiconn.ReasonSecretWrong:         {http.StatusUnauthorized, "invalid_client", 7000215},
	apiconn.ReasonSecretExpired:       {http.StatusUnauthorized, "invalid_client", 7000222},
	apiconn.ReasonCredentialAbsent:    {http.StatusUnauthorized, "invalid_client", 7000218},
	apiconn.ReasonAssertionInvalid:    {http.StatusUnauthorized, "invalid_client", 50027},
	apiconn.ReasonAssertionKeyUnknown: {http.StatusUnauthorized, "invalid_client", 700027},
	apiconn.ReasonScopeInvalid:        {http.StatusBadRequest, "invalid_scope", 70011},
	apiconn.ReasonResourceUnknown:     {http.StatusBadRequest, "invalid_resource", 500011},
	apiconn.ReasonGrantUnsupported:    {http.StatusBadRequest, "unsupported_grant_type", 70003},
	apiconn.ReasonRequestMalformed:    {http.StatusBadRequest, "invalid_request", 900144},
}

// kinds answers errors that have none of those reasons.
var kinds = map[apiconn.Kind]failure{
	apiconn.Internal:        {http.StatusInternalServerError, "server_error", 50000},
	apiconn.Invalid:         {http.StatusBadRequest, "invalid_request", 90100},
	apiconn.NotFound:        {http.StatusNotFound, "invalid_request", 0},
	apiconn.Conflict:        {http.StatusConflict, "invalid_request", 90100},
	apiconn.Stale:           {http.StatusPreconditionFailed, "invalid_request", 90100},
	apiconn.Unauthenticated: {http.StatusUnauthorized, "invalid_client", 50027},
	apiconn.Forbidden:       {http.StatusForbidden, "access_denied", 0},
	apiconn.Throttled:       {http.StatusTooManyRequests, "temporarily_unavailable", 90055},
	apiconn.Upstream:        {http.StatusServiceUnavailable, "temporarily_unavailable", 90033},
}

// errNoSuchPath answers paths that are none of the authority's, nor anybody else's.
var errNoSuchPath = apiconn.Errorf(apiconn.NotFound, "There is nothing at this address. Microsoft Graph is under /v1.0 and /beta, tokens under /{tenant}/oauth2/v2.0/token.")

// special is an error that knows its own failure.
type special struct {
	failure
	public *apiconn.Error
}

func (s *special) Error() string { return s.public.Error() }

func (s *special) Unwrap() error { return s.public }

func methodNotAllowed(allow, got string) error {
	return &special{
		failure{http.StatusMethodNotAllowed, "invalid_request", 900561},
		apiconn.Errorf(apiconn.Invalid, "The endpoint only accepts %s requests. Received a %s request.", allow, got),
	}
}

// unknownInstance refuses to vouch for a host that is not ours.
func unknownInstance() error {
	return &special{
		failure{http.StatusBadRequest, "invalid_instance", 50049},
		apiconn.Invalidf("authorization_endpoint", "Unknown or invalid instance. Ask about this server's own host."),
	}
}

// bodyError words what edge.ReadBody found wrong.
func bodyError(err error) error {
	e := apiconn.Errorf(apiconn.Invalid, "The request body cannot be read. Send it as application/x-www-form-urlencoded.").Because(err)
	status := http.StatusBadRequest
	switch {
	case errors.Is(err, edge.ErrBodyTooLarge):
		status, e.Message = http.StatusRequestEntityTooLarge, "The request body is too large. A token request is a few kilobytes."
	case errors.Is(err, edge.ErrEncodingUnsupported):
		status, e.Message = http.StatusUnsupportedMediaType, "The content encoding is not supported. Send the body plain or with gzip."
	}
	return &special{failure{status, "invalid_request", 90100}, e}
}

// errorBody is Entra's error document, members in Entra's order.
type errorBody struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri,omitempty"`
}

// errorPages is where Microsoft explains its numbers.
const errorPages = "https://login.microsoftonline.com/error?code="

// fail renders an error. The cause goes to the log only.
func (s *surface) fail(w http.ResponseWriter, r *http.Request, err error) {
	x := edge.From(r.Context())
	x.Failure = err
	var f failure
	e := apiconn.AsError(err)
	own, isSpecial := errors.AsType[*special](err)
	if isSpecial {
		e, f = own.public, own.failure
	} else {
		var known bool
		if f, known = reasons[e.Reason]; !known {
			f = kinds[e.Kind]
		}
	}
	body := errorBody{
		Error: f.code, Codes: []int{}, TraceID: x.RequestID, CorrelationID: correlationID(x),
		Timestamp: s.authority.Now().UTC().Format("2006-01-02 15:04:05Z"),
	}
	text := e.Message
	if f.number != 0 {
		text = fmt.Sprintf("AADSTS%d: %s", f.number, e.Message)
		body.Codes = []int{f.number}
		body.URI = fmt.Sprintf("%s%d", errorPages, f.number)
	}
	body.Description = fmt.Sprintf("%s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s", text, body.TraceID, body.CorrelationID, body.Timestamp)
	neverStore(w.Header())
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", edge.RetryAfter(e.RetryAfter))
	}
	if _, _, basic := r.BasicAuth(); basic && f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm=""`) // RFC 6749 section 5.2
	}
	if err := write(w, f.status, body); err != nil {
		x.Failure = errors.Join(x.Failure, err)
	}
}

// correlationID is the client's request id if it is a GUID, as Entra's is, else ours.
func correlationID(x *edge.Exchange) string {
	if id, err := uuid.Parse(x.ClientRequestID); err == nil {
		return id.String()
	}
	return x.RequestID
}
