package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// JSONRequest is a request with a JSON body, or with none if that is nil.
func JSONRequest(ctx context.Context, method, address string, body any) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err == nil && body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, err
}

// Exchange sends a request and decodes the answer, which must have the status. An answer's text is told only if it has not.
func Exchange(client *http.Client, request *http.Request, status int, into any) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	what := request.Method + " " + request.URL.Path
	if response.StatusCode != status {
		return fmt.Errorf("%s answered %d, want %d: %s", what, response.StatusCode, status, text)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s answered something that is not the expected JSON: %w", what, err)
	}
	return nil
}
