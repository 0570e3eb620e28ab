package app

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/patchbay/patchbay/internal/client"
)

// What the commands that manage a running service over the wire work with.
type (
	// Remote is a connection to a service.
	Remote = client.Client
	// RemoteOptions say where it is and who asks.
	RemoteOptions = client.Options
	// RemoteError is a refusal by it.
	RemoteError = client.Error
	// RemoteConnector is a connector as it answers it.
	RemoteConnector = client.Connector
	// RemoteCertificate is one of a connector's client certificates.
	RemoteCertificate = client.Certificate
	// RemoteChange is what to make of a connector.
	RemoteChange = client.Change
)

// Connect makes a connection. It makes no request.
func Connect(o RemoteOptions) (*Remote, error) { return client.New(o) }

// RemoteQuery writes query options for the path of a request.
func RemoteQuery(options url.Values) string { return client.Query(options) }

// maxSecret bounds a secret that is read from a file or from standard input.
const maxSecret = 64 << 10

// ReadSecret reads a secret from a file that nobody else may read, or from stdin for "-", without the line's end. what names
// it in errors.
func ReadSecret(path string, stdin io.Reader, what string) (string, error) {
	var text []byte
	var err error
	if path == "-" {
		text, err = io.ReadAll(io.LimitReader(stdin, maxSecret+1))
	} else {
		text, err = readPrivateFile(path, what)
	}
	if err != nil {
		return "", err
	}
	if len(text) > maxSecret {
		return "", fmt.Errorf("%s is longer than %d KB", what, maxSecret>>10)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", errors.New(what + " is empty")
	}
	return secret, nil
}
