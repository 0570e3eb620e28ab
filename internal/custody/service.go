package custody

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/core/registry"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Options are what a service is asked with. All but Timeout are Vault's; AWS and Google find theirs by themselves.
type Options struct {
	Token     func() (string, error) // asked anew at every attempt, because agents replace tokens; nil or "": none
	Namespace string                 // "": none
	Roots     *x509.CertPool         // whose certificates are trusted; nil: the system's
	PlainHTTP bool                   // no TLS, to loopback addresses only
	Anywhere  bool                   // with PlainHTTP: to any address
	Timeout   time.Duration          // of one attempt; 0: 10 s
}

// defaultTimeout bounds one attempt, its retries by a library included.
const defaultTimeout = 10 * time.Second

// Service is a key of a key management service.
type Service struct {
	uri    string
	scheme scheme
	opts   Options
}

// scheme is one kind of service.
type scheme struct {
	prefix string
	check  func(uri string, o Options) error // of the form; talks to nobody
	client func(ctx context.Context, uri string, o Options, token string) (registry.KMSClient, error)
	reason func(error) Reason // "": the service was not reached
}

// schemes are the services there are.
var schemes = []scheme{
	{"hcvault://", checkVault, vaultClient, vaultReason},
	{"aws-kms://", checkAWS, awsClient, awsReason},
	{"gcp-kms://", checkGoogle, googleClient, googleReason},
}

// Open returns the service that uri names, in the form of Tink's URIs of keys. It looks at the form and talks to nobody.
func Open(uri string, o Options) (*Service, error) {
	for _, s := range schemes {
		if !strings.HasPrefix(uri, s.prefix) {
			continue
		}
		if err := s.check(uri, o); err != nil {
			return nil, err
		}
		if o.Timeout == 0 {
			o.Timeout = defaultTimeout
		}
		return &Service{uri: uri, scheme: s, opts: o}, nil
	}
	return nil, errors.New("it must begin with hcvault://, aws-kms:// or gcp-kms://")
}

// String is the URI, which has no secret.
func (s *Service) String() string { return s.uri }

// wrappingData is the associated data of a wrapped master key: nothing else that the service's key encrypts passes for one.
var wrappingData = []byte("patchbay 1 master key")

// encrypt lets the service encrypt plaintext. Its errors are UnavailableError.
func (s *Service) encrypt(ctx context.Context, plaintext []byte) ([]byte, error) {
	return s.use(ctx, func(ctx context.Context, a tink.AEAD) ([]byte, error) {
		if bound, ok := a.(tink.AEADWithContext); ok {
			return bound.EncryptWithContext(ctx, plaintext, wrappingData)
		}
		return a.Encrypt(plaintext, wrappingData)
	}, string(plaintext), base64.StdEncoding.EncodeToString(plaintext))
}

// decrypt lets the service decrypt what encrypt gave. Its errors are UnavailableError.
func (s *Service) decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	return s.use(ctx, func(ctx context.Context, a tink.AEAD) ([]byte, error) {
		if bound, ok := a.(tink.AEADWithContext); ok {
			return bound.DecryptWithContext(ctx, ciphertext, wrappingData)
		}
		return a.Decrypt(ciphertext, wrappingData)
	})
}

// use makes one attempt, with a client of its own: tokens, credentials and certificates are those of this moment.
// What is sent that is secret is not quoted, should it come back in an error.
func (s *Service) use(ctx context.Context, do func(context.Context, tink.AEAD) ([]byte, error), secrets ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	token := ""
	if s.opts.Token != nil {
		var err error
		if token, err = s.opts.Token(); err != nil {
			return nil, unavailable(ReasonNoToken, s.uri, err)
		}
	}
	result, err := s.attempt(ctx, token, do)
	if err == nil {
		return result, nil
	}
	reason := s.scheme.reason(err)
	if reason == "" || ctx.Err() != nil {
		reason = ReasonUnreachable
	}
	return nil, unavailable(reason, s.uri, err, append(secrets, token)...)
}

func (s *Service) attempt(ctx context.Context, token string, do func(context.Context, tink.AEAD) ([]byte, error)) ([]byte, error) {
	client, err := s.scheme.client(ctx, s.uri, s.opts, token)
	if err != nil {
		return nil, fmt.Errorf("prepare to ask: %w", err)
	}
	if closer, ok := client.(io.Closer); ok {
		defer closer.Close()
	}
	aead, err := client.GetAEAD(s.uri)
	if err != nil {
		return nil, fmt.Errorf("find the key: %w", err)
	}
	return do(ctx, aead)
}
