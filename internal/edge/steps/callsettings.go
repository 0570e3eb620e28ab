package steps

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/manage"
)

// The members of call settings.
const (
	memberProfile         = "profile"
	memberBudget          = "budgetMilliseconds"
	memberAttempts        = "attempts"
	memberAttemptTimeout  = "attemptTimeoutMilliseconds"
	memberTrustedRoots    = "trustedRoots"
	memberPinnedKeys      = "pinnedKeys"
	memberLateCertificate = "allowLateClientCertificate"
	memberMaxConcurrent   = "maxConcurrent"
)

// callSettingsBody is call settings on the wire: what counts, and the names of what was set.
type callSettingsBody struct {
	Profile         apiconn.CallProfile `json:"profile"`
	Budget          milliseconds        `json:"budgetMilliseconds"`
	Attempts        int                 `json:"attempts"`
	AttemptTimeout  milliseconds        `json:"attemptTimeoutMilliseconds"`
	TrustedRoots    string              `json:"trustedRoots"`
	PinnedKeys      []string            `json:"pinnedKeys"`
	LateCertificate bool                `json:"allowLateClientCertificate"`
	MaxConcurrent   int                 `json:"maxConcurrent"`
	Overrides       []string            `json:"overrides"`
}

// getCallSettings is GET /connectors/{id}/callSettings.
func (h *Handler) getCallSettings(ctx context.Context, c *call) (answer, error) {
	if _, err := c.parameters(); err != nil {
		return answer{}, err
	}
	settings, err := h.opts.Manage.GetCallSettings(ctx, c.caller, c.keys[0])
	if err != nil {
		return answer{}, err
	}
	return h.callSettings(settings)
}

// updateCallSettings is PATCH /connectors/{id}/callSettings: what is absent stays, null goes back to the default.
func (h *Handler) updateCallSettings(ctx context.Context, c *call) (answer, error) {
	if _, err := c.parameters(); err != nil {
		return answer{}, err
	}
	versions, err := edge.IfMatch(c.header)
	if err != nil {
		return answer{}, err
	}
	m, err := c.object(memberProfile, memberBudget, memberAttempts, memberAttemptTimeout, memberTrustedRoots, memberPinnedKeys,
		memberLateCertificate, memberMaxConcurrent)
	if err != nil {
		return answer{}, err
	}
	patch, err := callSettingsPatch(m)
	if err != nil {
		return answer{}, err
	}
	settings, err := h.opts.Manage.UpdateCallSettings(ctx, c.caller, c.keys[0], patch, manage.Precondition{Versions: versions})
	if err != nil {
		return answer{}, renamed(err)
	}
	return h.callSettings(settings)
}

// callSettings is the answer that shows settings.
func (h *Handler) callSettings(s apiconn.CallSettings) (answer, error) {
	effective := s.Resolved(h.opts.Signup.Profile)
	effective.Budget = min(effective.Budget, h.opts.Signup.MaxBudget)
	effective.AttemptTimeout = min(effective.AttemptTimeout, effective.Budget)
	body := callSettingsBody{
		Profile: effective.Profile, Budget: milliseconds(effective.Budget), Attempts: effective.Attempts,
		AttemptTimeout: milliseconds(effective.AttemptTimeout), TrustedRoots: effective.TrustedRoots,
		PinnedKeys: append([]string{}, effective.PinnedKeys...), LateCertificate: effective.LateCertificate,
		MaxConcurrent: effective.MaxConcurrent, Overrides: []string{},
	}
	for _, set := range []struct {
		name string
		is   bool
	}{
		{memberProfile, s.Profile != ""},
		{memberBudget, s.Budget != 0},
		{memberAttempts, s.Attempts != 0},
		{memberAttemptTimeout, s.AttemptTimeout != 0},
		{memberTrustedRoots, s.TrustedRoots != ""},
		{memberPinnedKeys, len(s.PinnedKeys) > 0},
		{memberLateCertificate, s.LateCertificate},
		{memberMaxConcurrent, s.MaxConcurrent != 0},
	} {
		if set.is {
			body.Overrides = append(body.Overrides, set.name)
		}
	}
	a, err := ok(body)
	a.set("ETag", edge.ETag(s.Version))
	return a, err
}

// callSettingsPatch reads what a PATCH gives.
func callSettingsPatch(m members) (p manage.CallSettingsPatch, err error) {
	read := func(name, wanted string, into func(json.RawMessage) bool) {
		if raw, there := m[name]; there && err == nil && !into(raw) {
			err = wrongType(name, wanted+", or null for the default")
		}
	}
	const whole = "a whole number"
	read(memberProfile, "a string", func(raw json.RawMessage) bool { return decode(raw, &p.Profile) })
	read(memberBudget, whole+" of milliseconds", func(raw json.RawMessage) bool { return decodeMilliseconds(raw, &p.Budget) })
	read(memberAttempts, whole, func(raw json.RawMessage) bool { return decode(raw, &p.Attempts) })
	read(memberAttemptTimeout, whole+" of milliseconds", func(raw json.RawMessage) bool { return decodeMilliseconds(raw, &p.AttemptTimeout) })
	read(memberTrustedRoots, "a string of PEM certificates", func(raw json.RawMessage) bool { return decode(raw, &p.TrustedRoots) })
	read(memberPinnedKeys, "an array of strings", func(raw json.RawMessage) bool { return decodeTexts(raw, &p.PinnedKeys) })
	read(memberLateCertificate, "true or false", func(raw json.RawMessage) bool { return decode(raw, &p.LateCertificate) })
	read(memberMaxConcurrent, whole, func(raw json.RawMessage) bool { return decode(raw, &p.MaxConcurrent) })
	return p, err
}

// decode reads a value; null is the zero value.
func decode[T any](raw json.RawMessage, into **T) bool {
	value := new(T)
	if json.Unmarshal(raw, value) != nil {
		return false
	}
	*into = value
	return true
}

func decodeMilliseconds(raw json.RawMessage, into **time.Duration) bool {
	var n *int64
	if !decode(raw, &n) || *n < math.MinInt64/int64(time.Millisecond) || *n > math.MaxInt64/int64(time.Millisecond) {
		return false
	}
	d := time.Duration(*n) * time.Millisecond
	*into = &d
	return true
}

// decodeTexts reads an array of texts; a null among them is none.
func decodeTexts(raw json.RawMessage, into **[]string) bool {
	var texts *[]*string
	if !decode(raw, &texts) {
		return false
	}
	values := []string{}
	for _, text := range *texts {
		if text == nil {
			return false
		}
		values = append(values, *text)
	}
	*into = &values
	return true
}

// renamed gives the settings in an error the names that they have here.
func renamed(err error) error {
	e := apiconn.AsError(err)
	if e.Kind != apiconn.Invalid {
		return err
	}
	here := *e
	here.Message = strings.NewReplacer("'budget'", "'"+memberBudget+"'", "'attemptTimeout'", "'"+memberAttemptTimeout+"'",
		"'lateCertificate'", "'"+memberLateCertificate+"'").Replace(e.Message)
	return &here
}

// certificateBody is a certificate that ends soon.
type certificateBody struct {
	ConnectorID string  `json:"connectorId"`
	DisplayName string  `json:"displayName"`
	Thumbprint  string  `json:"thumbprint"`
	NotBefore   instant `json:"notBefore"`
	NotAfter    instant `json:"notAfter"`
	Subject     string  `json:"subject"`
	DaysLeft    int     `json:"daysLeft"`
}

// The parameter of a list of certificates, in days.
const (
	parameterExpires = "expiresWithinDays"
	expiresDefault   = 60
	expiresMost      = 36500
)

// listCertificates is GET /certificates. daysLeft is whole days; one that has ended has less than none.
func (h *Handler) listCertificates(ctx context.Context, c *call) (answer, error) {
	values, err := c.parameters(parameterExpires)
	if err != nil {
		return answer{}, err
	}
	days, err := count(values, parameterExpires, 0, expiresMost, expiresDefault)
	if err != nil {
		return answer{}, err
	}
	const day = 24 * time.Hour
	expiring, err := h.opts.Manage.ExpiringCertificates(ctx, c.caller, time.Duration(days)*day)
	if err != nil {
		return answer{}, err
	}
	list := collection[certificateBody]{Value: []certificateBody{}}
	now := h.opts.Now()
	for _, e := range expiring {
		left := int(math.Floor(e.Certificate.NotAfter.Sub(now).Hours() / day.Hours()))
		list.Value = append(list.Value, certificateBody{
			ConnectorID: e.ConnectorID, DisplayName: e.DisplayName, Thumbprint: e.Certificate.Thumbprint,
			NotBefore: instant(e.Certificate.NotBefore), NotAfter: instant(e.Certificate.NotAfter),
			Subject: e.Certificate.Subject, DaysLeft: left,
		})
	}
	return ok(list)
}
