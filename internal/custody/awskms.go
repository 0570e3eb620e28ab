package custody

import (
	"context"
	"errors"
	"regexp"

	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/core/registry"
)

// awsKey matches the ARN of a key or of an alias.
var awsKey = regexp.MustCompile(`^aws-kms://arn:aws[a-z0-9-]*:kms:[a-z0-9-]+:[0-9]+:(key|alias)/.+$`)

func checkAWS(uri string, _ Options) error {
	if !awsKey.MatchString(uri) {
		return errors.New("it must be aws-kms:// and the ARN of a key or alias: aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID")
	}
	return nil
}

// awsClient finds credentials and endpoint as every program on AWS' SDK does: environment, shared files, the machine's role.
func awsClient(ctx context.Context, uri string, _ Options, _ string) (registry.KMSClient, error) {
	return awskms.NewClientWithOptions(ctx, uri)
}

// awsReasons are the codes of AWS KMS (API reference: common errors, Encrypt, Decrypt); it says 400 to nearly everything.
var awsReasons = map[string]Reason{
	"AccessDeniedException":       ReasonRefused,
	"UnrecognizedClientException": ReasonRefused,
	"InvalidSignatureException":   ReasonRefused,
	"InvalidClientTokenId":        ReasonRefused,
	"IncompleteSignature":         ReasonRefused,
	"MissingAuthenticationToken":  ReasonRefused,
	"ExpiredTokenException":       ReasonRefused,
	"ExpiredToken":                ReasonRefused,
	"RequestExpired":              ReasonRefused,
	"ThrottlingException":         ReasonThrottled,
	"LimitExceededException":      ReasonThrottled,
	"KMSInternalException":        ReasonFailed,
	"DependencyTimeoutException":  ReasonFailed,
	"KeyUnavailableException":     ReasonFailed,
	"ServiceUnavailable":          ReasonFailed,
	"InternalFailure":             ReasonFailed,
	"NotFoundException":           ReasonKey,
	"DisabledException":           ReasonKey,
	"KMSInvalidStateException":    ReasonKey,
	"InvalidCiphertextException":  ReasonKey,
	"IncorrectKeyException":       ReasonKey,
	"InvalidKeyUsageException":    ReasonKey,
}

// awsReason reads the code of AWS' answer, else its status.
func awsReason(err error) Reason {
	if coded, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err); ok {
		if reason, known := awsReasons[coded.ErrorCode()]; known {
			return reason
		}
	}
	if answer, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok && answer.HTTPStatusCode() != 0 {
		return ofStatus(answer.HTTPStatusCode())
	}
	return ""
}
