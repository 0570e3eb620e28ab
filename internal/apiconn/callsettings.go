package apiconn

import "time"

// CallProfile names a set of documented figures for calls (runtime contract 5.4).
type CallProfile string

// The profiles.
const (
	ProfileEntra CallProfile = "entra" // 20 s, one retry
	ProfileB2C   CallProfile = "b2c"   // 5 s, one retry: Azure AD B2C user flows since April 2025
)

// CallSettings says how one connector is called. Zero values mean: as the profile or the service's settings say.
type CallSettings struct {
	TenantID, ConnectorID string
	Version               int64 // 0: nothing was ever set

	Profile        CallProfile
	Budget         time.Duration // for the whole step: DNS, connections, attempts, pauses and the body
	AttemptTimeout time.Duration // for one attempt; what is left of the budget if that is less
	Attempts       int           // at the most, the first one included

	TrustedRoots    string   // PEM certificates that alone are trusted; "": the system's
	PinnedKeys      []string // base64 SHA-256 of a SubjectPublicKeyInfo (as RFC 7469); one of the chain must match. none: any
	LateCertificate bool     // answer one request for a client certificate after the handshake: TLS 1.2 and HTTP/1.1 only
	MaxConcurrent   int      // calls under way at a time

	ChangedAt time.Time
}

// CallFigures are a profile's.
type CallFigures struct {
	Budget   time.Duration
	Attempts int
}

// CallProfiles has the figures of each profile. The budget is for the whole step: it is the patience of the person who
// signs up, so a retry happens within it and not after it.
var CallProfiles = map[CallProfile]CallFigures{
	ProfileEntra: {Budget: 20 * time.Second, Attempts: 2},
	ProfileB2C:   {Budget: 5 * time.Second, Attempts: 2},
}

// Bounds of call settings.
const (
	MinBudget         = 100 * time.Millisecond
	MaxBudget         = 60 * time.Second
	MaxAttempts       = 5
	MaxConcurrent     = 10000
	MaxTrustedRoots   = 64 << 10 // octets of PEM
	MaxPinnedKeys     = 16
	DefaultConcurrent = 256
)

// Resolved returns the settings with every zero value replaced: by the profile's figures where it has one, else by those
// of fallback, which a service has for all its connectors.
func (s CallSettings) Resolved(fallback CallProfile) CallSettings {
	if s.Profile == "" {
		s.Profile = fallback
	}
	figures, known := CallProfiles[s.Profile]
	if !known {
		figures = CallProfiles[ProfileEntra]
	}
	if s.Budget <= 0 {
		s.Budget = figures.Budget
	}
	if s.Attempts <= 0 {
		s.Attempts = figures.Attempts
	}
	if s.AttemptTimeout <= 0 || s.AttemptTimeout > s.Budget {
		s.AttemptTimeout = s.Budget
	}
	if s.MaxConcurrent <= 0 {
		s.MaxConcurrent = DefaultConcurrent
	}
	return s
}
