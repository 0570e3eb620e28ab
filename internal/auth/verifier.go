package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/patchbay/patchbay/internal/apiconn"
)

const (
	// maxTokenBytes bounds what is parsed; Entra's largest tokens, with two hundred groups, are under half of it.
	maxTokenBytes = 32 << 10
	// defaultRemember is how many verified tokens are remembered, at some 500 bytes each.
	defaultRemember = 10_000
	// maxRemember bounds how long a token is remembered without being verified again.
	maxRemember = time.Hour
)

// Options are the settings of a Verifier.
type Options struct {
	Issuers []Issuer
	// ExtraDirectoryRoles are template ids of directory roles that stand behind the connector family besides Microsoft's
	// two: for User Administrator, or a custom role with microsoft.directory/b2cUserFlow/allProperties/allTasks.
	ExtraDirectoryRoles []string
	// Remember is how many verified tokens are remembered; 0: 10,000; negative: none.
	Remember int
	Now      func() time.Time // default time.Now
	Log      *slog.Logger     // for background key refreshes; default: discard
}

// Verifier turns bearer tokens into callers. It remembers verified tokens by their SHA-256, each until it expires, until
// its issuer's keys change, or until the rules are replaced: whatever comes first decides at the next request.
type Verifier struct {
	now        func() time.Time
	log        *slog.Logger
	rules      atomic.Pointer[rules]
	remembered *otter.Cache[tokenHash, *remembered]
}

// rules are what tokens are judged by. They are replaced as a whole, so that a pointer tells whether a remembered token
// was judged by these.
type rules struct {
	issuers    []*issuer
	extraRoles []string
}

type tokenHash [sha256.Size]byte

// remembered is a verified token and what its verdict rests on.
type remembered struct {
	caller      Caller
	rules       *rules
	issuer      *issuer
	keys        *keySet
	from, until time.Time // the token's validity, clock skew included
}

// NewVerifier makes a Verifier. It fails on settings that make no sense; it fetches nothing yet.
func NewVerifier(opt Options) (*Verifier, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Remember == 0 {
		opt.Remember = defaultRemember
	}
	v := &Verifier{now: opt.Now, log: opt.Log}
	if err := v.Replace(opt.Issuers, opt.ExtraDirectoryRoles); err != nil {
		return nil, err
	}
	if opt.Remember < 0 {
		return v, nil
	}
	cache, err := otter.New(&otter.Options[tokenHash, *remembered]{
		MaximumSize: opt.Remember,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[tokenHash, *remembered]) time.Duration {
			return min(e.Value.until.Sub(v.now()), maxRemember)
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("make the token cache: %w", err)
	}
	v.remembered = cache
	return v, nil
}

// Replace puts other issuers and directory roles into force, from the next request on. On an error the old ones stay.
func (v *Verifier) Replace(issuers []Issuer, extraDirectoryRoles []string) error {
	next := &rules{}
	for _, role := range extraDirectoryRoles {
		id, ok := tenantID(role) // the same spelling rule: a GUID
		if !ok {
			return fmt.Errorf("directory role %q is not a template id (a GUID)", role)
		}
		next.extraRoles = append(next.extraRoles, id)
	}
	for _, set := range issuers {
		checked, err := newIssuer(set, Options{Now: v.now, Log: v.log})
		if err != nil {
			return err
		}
		next.issuers = append(next.issuers, checked)
	}
	v.rules.Store(next)
	return nil
}

// Close stops the cache's housekeeping. The Verifier still verifies afterwards.
func (v *Verifier) Close() {
	if v.remembered != nil {
		v.remembered.StopAllGoroutines()
	}
}

// Verify returns who a bearer token speaks for. Its errors are apiconn.Unauthenticated with Graph's words (contract
// section 3.1), apiconn.Upstream if an issuer's keys cannot be had, or apiconn.Internal.
func (v *Verifier) Verify(ctx context.Context, bearer string) (Caller, error) {
	switch {
	case bearer == "":
		return Caller{}, refuse(messageEmpty, nil)
	case len(bearer) > maxTokenBytes:
		return Caller{}, refuse(messageMalformed, errors.New("the token is too long"))
	}
	hash := tokenHash(sha256.Sum256([]byte(bearer)))
	rules := v.rules.Load()
	if caller, ok := v.recall(ctx, hash, rules); ok {
		return caller, nil
	}
	verdict, err := v.judge(ctx, bearer, rules)
	if err != nil {
		return Caller{}, err
	}
	if v.remembered != nil {
		v.remembered.Set(hash, verdict)
	}
	return verdict.caller, nil
}

// recall returns the remembered caller of a token if everything its verdict rested on still holds.
func (v *Verifier) recall(ctx context.Context, hash tokenHash, rules *rules) (Caller, bool) {
	if v.remembered == nil {
		return Caller{}, false
	}
	r, ok := v.remembered.GetIfPresent(hash)
	if !ok || r.rules != rules {
		return Caller{}, false
	}
	if now := v.now(); now.Before(r.from) || !now.Before(r.until) {
		return Caller{}, false
	}
	keys, err := r.issuer.source.current(ctx)
	if err != nil || keys != r.keys {
		return Caller{}, false
	}
	return r.caller, true
}

// judge verifies a token in full: form, issuer, signature, then claims.
func (v *Verifier) judge(ctx context.Context, bearer string, rules *rules) (*remembered, error) {
	token, err := parseToken(bearer, false)
	if err != nil {
		return nil, refuse(messageMalformed, err)
	}
	iss := rules.issuerOf(token.claims)
	if iss == nil {
		return nil, refuse(messageIssuer, fmt.Errorf("no issuer %q is configured", token.claims.text("iss")))
	}
	key, keys, err := iss.keyFor(ctx, token)
	if err != nil {
		return nil, err
	}
	if err := token.verify(iss, key); err != nil {
		return nil, refuse(messageSignature, err)
	}
	now := v.now()
	from, until, err := token.claims.lifetime(iss.ClockSkew)
	if err != nil {
		return nil, refuse(messageLifetime, err)
	}
	if !key.retireAt.IsZero() {
		if !now.Before(key.retireAt) {
			return nil, refuse(messageSignature, fmt.Errorf("key %q is retired", key.id))
		}
		until = earlier(until, key.retireAt)
	}
	caller, err := iss.callerOf(token.claims, rules.extraRoles)
	if err != nil {
		return nil, err
	}
	switch {
	case !now.Before(until):
		return nil, refuse(messageExpired, fmt.Errorf("expired at %s", until.UTC()))
	case now.Before(from):
		return nil, refuse(messageLifetime, fmt.Errorf("not valid before %s", from.UTC()))
	}
	return &remembered{caller: caller, rules: rules, issuer: iss, keys: keys, from: from, until: until}, nil
}

// issuerOf finds the issuer that a token names; nil if none is configured.
func (r *rules) issuerOf(c claims) *issuer {
	iss, tid := c.text("iss"), c.text("tid")
	for _, candidate := range r.issuers {
		if candidate.issued(iss, tid) {
			return candidate
		}
	}
	return nil
}

// keyFor finds the key a token says it is signed with, asking the issuer anew if it is not known.
func (i *issuer) keyFor(ctx context.Context, token *token) (verificationKey, *keySet, error) {
	keys, err := i.source.current(ctx)
	if err != nil {
		return verificationKey{}, nil, err
	}
	key, ok := keys.find(token.header.KeyID)
	if !ok {
		if keys, err = i.source.renewed(ctx); err != nil {
			return verificationKey{}, nil, err
		}
		if key, ok = keys.find(token.header.KeyID); !ok {
			return verificationKey{}, nil, refuse(messageSignature, fmt.Errorf("the issuer has no key %q", token.header.KeyID))
		}
	}
	return key, keys, nil
}

// The public texts of refusals. The first five are Graph's own (contract section 3.1).
const (
	messageEmpty     = "Access token is empty."
	messageMalformed = "CompactToken parsing failed with error code: 80049217"
	messageExpired   = "Lifetime validation failed, the token is expired."
	messageAudience  = "Access token validation failure. Invalid audience."
	messageSignature = "Access token validation failure. Invalid signature."
	messageIssuer    = "Access token validation failure. Invalid issuer."
	messageLifetime  = "Lifetime validation failed, the token is not yet valid or names no lifetime."
	messageTenant    = "Access token validation failure. The token names no acceptable tenant."
	messageNotAccess = "Access token validation failure. The token is an ID token or a refresh token; send an access token."
	messageNoApp     = "Access token validation failure. The token names no application (appid, azp or client_id)."
	messagePersonal  = "Access token validation failure. Personal Microsoft accounts are not supported."
	messageUserType  = "Access token validation failure. The token is of a user but carries no delegated scope (scp, or the issuer's scope_claim)."
)

// refuse makes an Unauthenticated error. The cause, which may be nil, is for the log.
func refuse(message string, cause error) error {
	return apiconn.Errorf(apiconn.Unauthenticated, "%s", message).Because(cause)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
