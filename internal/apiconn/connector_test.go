package apiconn

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestActiveCertificateIsTheNewestUploadThatIsValidNow(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	certificate := func(sequence int64, from, to int) Certificate {
		return Certificate{Sequence: sequence, NotBefore: day(from), NotAfter: day(to)}
	}
	tests := []struct {
		name         string
		certificates []Certificate
		want         int
	}{
		{"none", nil, -1},
		{"one valid", []Certificate{certificate(1, 1, 30)}, 0},
		{"the newer of two valid", []Certificate{certificate(1, 1, 30), certificate(2, 1, 30)}, 1},
		{"the newer by upload, wherever it stands", []Certificate{certificate(2, 1, 30), certificate(1, 1, 30)}, 0},
		{"the newer is not valid yet", []Certificate{certificate(1, 1, 30), certificate(2, 20, 30)}, 0},
		{"the newer has expired", []Certificate{certificate(1, 1, 30), certificate(2, 1, 9)}, 0},
		{"all have expired", []Certificate{certificate(1, 1, 8), certificate(2, 1, 9)}, -1},
		{"valid from this instant", []Certificate{certificate(1, 10, 30)}, 0},
		{"valid to this instant", []Certificate{certificate(1, 1, 10)}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := (Authentication{Certificates: tt.certificates}).ActiveCertificate(day(10)); got != tt.want {
				t.Errorf("ActiveCertificate = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestValidateTargetURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url       string
		allowHTTP bool
		want      string // part of the message; "": accepted
	}{
		{url: "https://api.contoso.example/check"},
		{url: "https://api.contoso.example:8443/check?code=abc%2F&x=1"},
		{url: "https://[2001:db8::1]/"},
		{url: "https://bücher.example/ü"},
		{url: "http://localhost:9000/", allowHTTP: true},
		{url: "http://api.contoso.example/", want: "must be an https URL"},
		{url: "ftp://api.contoso.example/", allowHTTP: true, want: "must be an https URL"},
		{url: "", want: "must not be null or empty"},
		{url: "   ", want: "must not be null or empty"},
		{url: "/check", want: "not an absolute URL"},
		{url: "api.contoso.example/check", want: "not an absolute URL"},
		{url: "https://", want: "not an absolute URL"},
		{url: "https://:443/", want: "not an absolute URL"},
		{url: "https:api.contoso.example", want: "not an absolute URL"},
		{url: "https://a b.example/", want: "not an absolute URL"},
		{url: "https://api.contoso.example/%zz", want: "not an absolute URL"},
		{url: "https://user:hunter2@api.contoso.example/", want: "must not contain a user name"},
		{url: "https://api.contoso.example/#", want: "must not have a fragment"},
		{url: "https://api.contoso.example/a b", want: "white space"},
		{url: "https://api.contoso.example/\x00", want: "not an absolute URL"},
		{url: "https://api.contoso.example/" + strings.Repeat("a", MaxTargetURL), want: "longer than 2048"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%.40q", tt.url), func(t *testing.T) {
			t.Parallel()
			checkRefusal(t, ValidateTargetURL(tt.url, tt.allowHTTP), "targetUrl", tt.want)
			if err := ValidateTargetURL(tt.url, tt.allowHTTP); err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the refusal quotes the URL")
			}
		})
	}
}

func TestValidateDisplayName(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, want string }{
		{"My check", ""},
		{strings.Repeat("ü", MaxDisplayName), ""},
		{strings.Repeat("ü", MaxDisplayName+1), "longer than 256"},
		{"", "must not be null or empty"},
		{" \t", "must not be null or empty"},
		{"a\x00b", "control character"},
		{"a\nb", "control character"},
		{"a\xffb", "not valid UTF-8"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%.20q", tt.name), func(t *testing.T) {
			t.Parallel()
			checkRefusal(t, ValidateDisplayName(tt.name), "displayName", tt.want)
		})
	}
}

func checkRefusal(t *testing.T, err error, field, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != Invalid || e.Field != field || !strings.Contains(e.Message, want) {
		t.Errorf("error = %#v, want Invalid about %s with %q", err, field, want)
	}
}

func TestRedactQueryMasksEveryValue(t *testing.T) {
	t.Parallel()
	tests := []struct{ url, want string }{
		{"https://a.example/x", "https://a.example/x"},
		{"https://a.example/x?code=s3cret&name=v=w&flag", "https://a.example/x?code=******&name=******&******"},
		{"https://a.example/x?", "https://a.example/x?******"},
	}
	for _, tt := range tests {
		if got := RedactQuery(tt.url); got != tt.want {
			t.Errorf("RedactQuery(%q) = %q, want %q", tt.url, got, tt.want)
		}
	}
}

func TestAsError(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	domain := Errorf(Conflict, "In use.").Because(cause)
	if got := AsError(fmt.Errorf("wrapped: %w", domain)); got != domain {
		t.Errorf("AsError of a wrapped Error = %v, want the Error itself", got)
	}
	internal := AsError(cause)
	if internal.Kind != Internal || strings.Contains(internal.Message, "fire") || !errors.Is(internal, cause) {
		t.Errorf("AsError of a foreign error = %#v, want Internal, the cause within and not in the message", internal)
	}
	if AsError(nil) != nil {
		t.Error("AsError(nil) is not nil")
	}
}
