package custody

import (
	"context"
	"errors"
	"regexp"

	"github.com/tink-crypto/tink-go-gcpkms/v2/integration/gcpkms"
	"github.com/tink-crypto/tink-go/v2/core/registry"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// googleKey matches the resource name of a key.
var googleKey = regexp.MustCompile(`^gcp-kms://projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$`)

func checkGoogle(uri string, _ Options) error {
	if !googleKey.MatchString(uri) {
		return errors.New("it must be gcp-kms:// and the name of a key: gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K")
	}
	return nil
}

// googleClient finds credentials as every program on Google's libraries does (Application Default Credentials).
func googleClient(ctx context.Context, uri string, _ Options, _ string) (registry.KMSClient, error) {
	return gcpkms.NewClient(ctx, uri)
}

// googleReasons are the codes that say more than that the service failed.
var googleReasons = map[codes.Code]Reason{
	codes.Unauthenticated:    ReasonRefused,
	codes.PermissionDenied:   ReasonRefused,
	codes.ResourceExhausted:  ReasonThrottled,
	codes.NotFound:           ReasonKey,
	codes.FailedPrecondition: ReasonKey,
	codes.InvalidArgument:    ReasonKey,
	codes.Unavailable:        "",
	codes.DeadlineExceeded:   "",
	codes.Canceled:           "",
}

// googleReason reads the code of Google's answer.
func googleReason(err error) Reason {
	s, ok := status.FromError(err)
	if !ok {
		return ""
	}
	if reason, known := googleReasons[s.Code()]; known {
		return reason
	}
	return ReasonFailed
}
