package auth

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"golang.org/x/sync/singleflight"

	"github.com/patchbay/patchbay/internal/apiconn"
)

const (
	// refreshAfter is the age at which keys are fetched anew, in the background: the longest that a key which an issuer
	// withdrew is still believed while the issuer answers.
	refreshAfter = 5 * time.Minute
	// lastGoodFor is how long keys are believed while their issuer does not answer.
	lastGoodFor = 24 * time.Hour
	// forcedEvery spaces the fetches that unknown kids cause, or anybody could make us flood an issuer.
	forcedEvery = 10 * time.Second
	// retryEvery spaces attempts after a failed one.
	retryEvery = 2 * time.Second
	// fetchTimeout bounds discovery and JWKS together.
	fetchTimeout = 10 * time.Second
	// maxDocumentBytes bounds each document; Entra's key set is about 15 KB.
	maxDocumentBytes = 1 << 20
	// maxIssuerKeys bounds a key set.
	maxIssuerKeys = 100
)

// discovery is the keySource of an OIDC issuer: its metadata document names its JWKS (OpenID Connect Discovery 1.0).
// There is no goroutine but the one of a fetch under way.
type discovery struct {
	issuerURL   string
	metadataURL string
	client      *http.Client
	now         func() time.Time
	log         *slog.Logger
	flight      singleflight.Group

	mu       sync.Mutex
	keys     *keySet // nil: never fetched
	fetched  time.Time
	tried    time.Time // the last attempt
	forced   time.Time // the last fetch for an unknown kid
	lastFail error     // of the last attempt, nil if it succeeded
}

// newDiscovery checks the URLs of an issuer's settings.
func newDiscovery(set Issuer, opt Options) (*discovery, error) {
	if set.MetadataURL == "" {
		base := strings.ReplaceAll(set.URL, tenantPlaceholder, "organizations")
		set.MetadataURL = strings.TrimRight(base, "/") + "/.well-known/openid-configuration"
	}
	if err := checkFetchURL(set.MetadataURL); err != nil {
		return nil, fmt.Errorf("issuer %q: %w", set.URL, err)
	}
	client := set.Client
	if client == nil {
		client = &http.Client{}
	}
	own := *client // a copy: the caller's client keeps its own policy
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &discovery{issuerURL: set.URL, metadataURL: set.MetadataURL, client: &own, now: opt.Now, log: opt.Log}, nil
}

// current implements keySource: the last good keys, with a refresh in the background when they are old.
func (d *discovery) current(ctx context.Context) (*keySet, error) {
	d.mu.Lock()
	keys, age, mayTry, lastFail := d.keys, d.now().Sub(d.fetched), d.mayTry(), d.lastFail
	d.mu.Unlock()
	switch {
	case keys != nil && age < refreshAfter && age >= 0:
		return keys, nil
	case keys != nil && age < lastGoodFor:
		if mayTry {
			d.flight.DoChan("", d.fetch) // nobody waits for it
		}
		return keys, nil
	case mayTry:
		return d.wait(ctx)
	}
	return nil, unavailable(lastFail)
}

// renewed implements keySource: a fetch that is waited for, unless there was one of the kind a moment ago.
func (d *discovery) renewed(ctx context.Context) (*keySet, error) {
	d.mu.Lock()
	keys, due := d.keys, d.forced.IsZero() || d.now().Sub(d.forced) >= forcedEvery
	if due {
		d.forced = d.now()
	}
	d.mu.Unlock()
	if !due && keys != nil {
		return keys, nil
	}
	fresh, err := d.wait(ctx)
	if err != nil && keys != nil {
		return keys, nil // the issuer is down; the old keys do not have the kid, and the token is refused
	}
	return fresh, err
}

// mayTry spaces attempts after a failure. The caller holds mu.
func (d *discovery) mayTry() bool { return d.lastFail == nil || d.now().Sub(d.tried) >= retryEvery }

// wait fetches, or joins the fetch under way. One waiter's cancelled context does not stop the others' fetch.
func (d *discovery) wait(ctx context.Context) (*keySet, error) {
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the keys of issuer %q: %w", d.issuerURL, ctx.Err())
	case result := <-d.flight.DoChan("", d.fetch):
		if result.Err != nil {
			return nil, unavailable(result.Err)
		}
		return result.Val.(*keySet), nil
	}
}

// fetch gets metadata and keys, and keeps them. It has a deadline of its own.
func (d *discovery) fetch() (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	keys, err := d.download(ctx)

	d.mu.Lock()
	defer d.mu.Unlock()
	d.tried = d.now()
	if err == nil {
		d.keys, err = newKeySet(d.keys, keys)
	}
	d.lastFail = err
	if err != nil {
		d.log.Warn("issuer keys not refreshed", "issuer", d.issuerURL, "have_last_good", d.keys != nil, "error", err)
		return nil, err
	}
	d.fetched = d.tried
	return d.keys, nil
}

// download reads the two documents.
func (d *discovery) download(ctx context.Context) ([]verificationKey, error) {
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	body, err := d.get(ctx, d.metadataURL)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &metadata); err != nil {
		return nil, fmt.Errorf("metadata of issuer %q: %w", d.issuerURL, err)
	}
	if metadata.Issuer != d.issuerURL { // OpenID Connect Discovery 1.0 section 4.3
		return nil, fmt.Errorf("metadata of issuer %q names issuer %q", d.issuerURL, metadata.Issuer)
	}
	if err := checkFetchURL(metadata.JWKSURI); err != nil {
		return nil, fmt.Errorf("jwks_uri of issuer %q: %w", d.issuerURL, err)
	}
	if strings.HasPrefix(d.metadataURL, "https:") && !strings.HasPrefix(metadata.JWKSURI, "https:") {
		return nil, fmt.Errorf("jwks_uri of issuer %q: an issuer on https has its keys there too", d.issuerURL)
	}
	if body, err = d.get(ctx, metadata.JWKSURI); err != nil {
		return nil, err
	}
	return parseKeys(body)
}

// get reads one small JSON document.
func (d *discovery) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := d.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s: status %d", address, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocumentBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", address, err)
	case len(body) > maxDocumentBytes:
		return nil, fmt.Errorf("read %s: more than %d bytes", address, maxDocumentBytes)
	}
	return body, nil
}

// parseKeys keeps the signature keys of a JWKS that some allowed algorithm can use. Others, such as encryption keys and
// key types we do not know, are passed over: an issuer may publish what it likes.
func parseKeys(body []byte) ([]verificationKey, error) {
	set, err := jwk.Parse(body, jwk.WithIgnoreParseError(true), jwk.WithMaxKeys(maxIssuerKeys))
	if err != nil {
		return nil, fmt.Errorf("parse a JWKS: %w", err)
	}
	var keys []verificationKey
	for n := range set.Len() {
		key, _ := set.Key(n)
		if use, has := key.KeyUsage(); has && use != "sig" {
			continue
		}
		var public any // not a crypto.PublicKey, which is another type to Export
		if err := jwk.Export(key, &public); err != nil || !usable(public) {
			continue
		}
		k := verificationKey{public: public}
		k.id, _ = key.KeyID()
		if alg, has := key.Algorithm(); has {
			k.algorithm = alg.String()
		}
		if key.Has("issuer") {
			if err := key.Get("issuer", &k.issuer); err != nil {
				continue
			}
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("a JWKS without a usable signature key")
	}
	return keys, nil
}

// usable tells whether some algorithm can verify with the key.
func usable(public crypto.PublicKey) bool {
	for _, alg := range algorithms {
		if alg.fits(public) {
			return true
		}
	}
	return false
}

// unavailable is the error for tokens that cannot be judged because their issuer's keys cannot be had.
func unavailable(cause error) error {
	e := apiconn.Errorf(apiconn.Upstream, "The keys of the token's issuer cannot be fetched at present. Try again in a moment.")
	e.RetryAfter = retryEvery
	return e.Because(cause)
}
