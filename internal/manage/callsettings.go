package manage

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// CallSettingsPatch is what a PATCH gives of call settings. Nil is absent; a pointer to the zero value resets a member to
// what the profile or the service says.
type CallSettingsPatch struct {
	Profile         *apiconn.CallProfile
	Budget          *time.Duration
	AttemptTimeout  *time.Duration
	Attempts        *int
	TrustedRoots    *string   // PEM
	PinnedKeys      *[]string // base64 of SHA-256, with or without "sha256/" before it
	LateCertificate *bool
	MaxConcurrent   *int
}

// GetCallSettings returns how a connector of the tenant is called: zero values where nothing is set.
func (s *Service) GetCallSettings(ctx context.Context, who auth.Caller, connectorID string) (apiconn.CallSettings, error) {
	if err := who.Require(auth.APIConnectorsReadAll, auth.APIConnectorsReadWriteAll); err != nil {
		return apiconn.CallSettings{}, err
	}
	return s.Store.CallSettings(ctx, who.TenantID, connectorID)
}

// UpdateCallSettings changes what patch gives and keeps the rest; a patch that changes nothing writes nothing. match is
// about the version of the settings, which is 0 until something is set, and not about the connector's.
func (s *Service) UpdateCallSettings(ctx context.Context, who auth.Caller, connectorID string, patch CallSettingsPatch, match Precondition) (apiconn.CallSettings, error) {
	if err := who.Require(auth.APIConnectorsReadWriteAll); err != nil {
		return apiconn.CallSettings{}, err
	}
	patch, err := patch.canonical()
	if err != nil {
		return apiconn.CallSettings{}, err
	}
	return s.Store.UpdateCallSettings(ctx, who.TenantID, connectorID, func(settings *apiconn.CallSettings, c apiconn.Connector) (*apiconn.AuditEntry, error) {
		if err := match.check("set of call settings", settings.Version); err != nil {
			return nil, err
		}
		before := *settings
		patch.onto(settings)
		if err := s.checkAttemptTimeout(*settings); err != nil {
			return nil, err
		}
		changes := modified(callFacts(before), callFacts(*settings))
		if len(changes) == 0 {
			return nil, nil
		}
		entry := s.entry(ctx, who, apiconn.ActivityUpdateConnector, apiconn.AuditTarget{
			ID: c.ID, DisplayName: c.DisplayName, Type: "IdentityApiConnector", Modified: changes,
		})
		return &entry, nil
	})
}

// ExpiringCertificates returns the client certificates of the tenant's connectors that are in use and end within that
// time, and of the connectors without a valid one the newest that has ended.
func (s *Service) ExpiringCertificates(ctx context.Context, who auth.Caller, within time.Duration) ([]apiconn.ExpiringCertificate, error) {
	if err := who.Require(auth.APIConnectorsReadAll, auth.APIConnectorsReadWriteAll); err != nil {
		return nil, err
	}
	if within < 0 {
		return nil, apiconn.Invalidf("expiresWithin", "The time within which certificates expire must not be negative. Give 0 or more.")
	}
	if who.TenantID == "" { // which the store would take for all tenants
		return nil, nil
	}
	now := s.Now()
	return s.Store.ExpiringCertificates(ctx, who.TenantID, now, now.Add(within))
}

// onto lays what is given over call settings.
func (p CallSettingsPatch) onto(s *apiconn.CallSettings) {
	lay(&s.Profile, p.Profile)
	lay(&s.Budget, p.Budget)
	lay(&s.AttemptTimeout, p.AttemptTimeout)
	lay(&s.Attempts, p.Attempts)
	lay(&s.TrustedRoots, p.TrustedRoots)
	lay(&s.PinnedKeys, p.PinnedKeys)
	lay(&s.LateCertificate, p.LateCertificate)
	lay(&s.MaxConcurrent, p.MaxConcurrent)
}

func lay[T any](over, given *T) {
	if given != nil {
		*over = *given
	}
}

// minAttemptTimeout is less than any network needs; what is shorter was meant in another unit.
const minAttemptTimeout = 10 * time.Millisecond

// canonical checks all that can be checked without the stored settings, and gives every value its one form.
func (p CallSettingsPatch) canonical() (CallSettingsPatch, error) {
	if p.Profile != nil && *p.Profile != "" {
		if _, known := apiconn.CallProfiles[*p.Profile]; !known {
			return p, apiconn.Invalidf("profile", "The value of 'profile' is not supported. Give one of: %s.", profileNames())
		}
	}
	var err error
	if p.Budget, err = whole("budget", p.Budget, apiconn.MinBudget, apiconn.MaxBudget); err != nil {
		return p, err
	}
	if p.AttemptTimeout, err = whole("attemptTimeout", p.AttemptTimeout, minAttemptTimeout, apiconn.MaxBudget); err != nil {
		return p, err
	}
	if err := counted("attempts", p.Attempts, apiconn.MaxAttempts); err != nil {
		return p, err
	}
	if err := counted("maxConcurrent", p.MaxConcurrent, apiconn.MaxConcurrent); err != nil {
		return p, err
	}
	if p.TrustedRoots != nil {
		roots, err := canonicalRoots(*p.TrustedRoots)
		if err != nil {
			return p, err
		}
		p.TrustedRoots = &roots
	}
	if p.PinnedKeys != nil {
		pins, err := canonicalPins(*p.PinnedKeys)
		if err != nil {
			return p, err
		}
		p.PinnedKeys = &pins
	}
	return p, nil
}

func profileNames() string {
	var names []string
	for _, p := range slices.Sorted(maps.Keys(apiconn.CallProfiles)) {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

// whole checks a duration, 0 to reset it, and cuts it to the microseconds that are kept.
func whole(field string, d *time.Duration, least, most time.Duration) (*time.Duration, error) {
	if d == nil || *d == 0 {
		return d, nil
	}
	if *d < least || *d > most {
		return nil, apiconn.Invalidf(field, "The value of '%s' must be a time from %s to %s, or 0 for the default.", field, least, most)
	}
	cut := d.Truncate(time.Microsecond)
	return &cut, nil
}

// counted checks a number, 0 to reset it.
func counted(field string, n *int, most int) error {
	if n != nil && (*n < 0 || *n > most) {
		return apiconn.Invalidf(field, "The value of '%s' must be a number from 1 to %d, or 0 for the default.", field, most)
	}
	return nil
}

// checkAttemptTimeout compares what the settings would be with each other, given and stored ones together.
func (s *Service) checkAttemptTimeout(settings apiconn.CallSettings) error {
	if budget := settings.Resolved(s.CallProfile).Budget; settings.AttemptTimeout > budget {
		return apiconn.Invalidf("attemptTimeout", "The value of 'attemptTimeout', %s, is longer than the whole step may take, %s. "+
			"Shorten it, or set a longer 'budget'.", settings.AttemptTimeout, budget)
	}
	return nil
}

// canonicalRoots reads PEM certificates and writes them again, each once and nothing else. No message quotes any of it:
// who pastes a file may have pasted a private key.
func canonicalRoots(text string) (string, error) {
	const field = "trustedRoots"
	if strings.TrimSpace(text) == "" {
		return "", nil
	}
	if len(text) > apiconn.MaxTrustedRoots {
		return "", apiconn.Invalidf(field, "The value of 'trustedRoots' is longer than %d octets. Give the roots that the target needs only.", apiconn.MaxTrustedRoots)
	}
	if strings.Contains(text, "PRIVATE KEY-----") {
		return "", apiconn.Invalidf(field, "The value of 'trustedRoots' contains a private key. "+
			"Give certificates only, and treat that key as disclosed: it has travelled here.")
	}
	var out bytes.Buffer
	seen := make(map[[sha256.Size]byte]bool)
	blocks := 0
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		if block.Type != "CERTIFICATE" {
			return "", apiconn.Invalidf(field, "Block %d of 'trustedRoots' is not a certificate. Give CERTIFICATE blocks only.", blocks)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return "", apiconn.Invalidf(field, "Block %d of 'trustedRoots' is not a valid X.509 certificate. Export it again as PEM.", blocks).Because(err)
		}
		if sum := sha256.Sum256(block.Bytes); !seen[sum] {
			seen[sum] = true
			if err := pem.Encode(&out, &pem.Block{Type: block.Type, Bytes: block.Bytes}); err != nil {
				return "", fmt.Errorf("write a certificate as PEM: %w", err)
			}
		}
	}
	if begun := strings.Count(text, "-----BEGIN"); begun != blocks || blocks == 0 {
		return "", apiconn.Invalidf(field, "The value of 'trustedRoots' is not a series of whole PEM blocks. Give CERTIFICATE blocks as they are exported, line ends included.")
	}
	return out.String(), nil
}

// canonicalPins writes each pin as plain base64, each once. The prefixes are those of HPKP-like lists and of curl.
func canonicalPins(given []string) ([]string, error) {
	const field = "pinnedKeys"
	if len(given) > apiconn.MaxPinnedKeys {
		return nil, apiconn.Invalidf(field, "The value of 'pinnedKeys' has more than %d pins. Give fewer.", apiconn.MaxPinnedKeys)
	}
	var pins []string
	for i, text := range given {
		encoded := strings.TrimPrefix(text, "sha256/")
		if len(encoded) > base64.StdEncoding.EncodedLen(sha256.Size) {
			encoded = strings.TrimPrefix(encoded, "/")
		}
		sum, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || len(sum) != sha256.Size || strings.ContainsAny(encoded, "\r\n") {
			return nil, apiconn.Invalidf(field, "Pin %d of 'pinnedKeys' is not a SHA-256 in base64. "+
				"Give the 44 characters of the SHA-256 of the key's SubjectPublicKeyInfo.", i+1)
		}
		if !slices.Contains(pins, encoded) {
			pins = append(pins, encoded)
		}
	}
	return pins, nil
}

// callFacts are call settings as an audit entry shows them; what is not set is not there.
func callFacts(s apiconn.CallSettings) []fact {
	var facts []fact
	add := func(name, shown, mark string) {
		if mark != "" {
			facts = append(facts, fact{"callSettings/" + name, shown, mark})
		}
	}
	same := func(name, value string) { add(name, value, value) }
	same("profile", string(s.Profile))
	same("budget", duration(s.Budget))
	same("attemptTimeout", duration(s.AttemptTimeout))
	same("attempts", number(s.Attempts))
	add("trustedRoots", strings.Join(thumbprints(s.TrustedRoots), ","), s.TrustedRoots)
	same("pinnedKeys", strings.Join(s.PinnedKeys, ","))
	if s.LateCertificate {
		same("lateCertificate", "true")
	}
	same("maxConcurrent", number(s.MaxConcurrent))
	return facts
}

func duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// thumbprints are those of PEM certificates, as Graph writes them.
func thumbprints(text string) []string {
	var list []string
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		list = append(list, fmt.Sprintf("%X", sha1.Sum(block.Bytes)))
	}
	return list
}
