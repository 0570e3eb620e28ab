package lint_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/guard"
	"github.com/patchbay/patchbay/internal/lint"
	"github.com/patchbay/patchbay/internal/outbound"
	"github.com/patchbay/patchbay/internal/target"
)

// guarded demands the tests' credential.
func guarded(o target.Options) target.Options {
	o.Basic = target.NewBasic(username, password)
	return o
}

func TestGoodEndpoint(t *testing.T) {
	t.Parallel()
	checks, sum := run(t, options(t, serve(t, guarded(target.Options{}))))
	got := make([]string, len(checks))
	for i, c := range checks {
		got[i] = line(c)
	}
	const here, earlier, continued = " @b2x.postAttributeCollection", " @b2x.postFederationSignup", " [Continue continued]"
	const stranger = " [Failed target_refused_credentials]"
	want := []string{
		"accepted: reach/a call like that of a step" + here + continued,
		"accepted: contract/every claim" + earlier + continued,
		"accepted: contract/email only" + earlier + continued,
		"accepted: contract/every claim" + here + continued,
		"accepted: contract/email only" + here + continued,
		"accepted: contract/no email" + here + continued,
		"accepted: contract/a local account, without identities" + here + continued,
		"accepted: contract/several identities" + here + continued,
		"accepted: contract/no languages" + here + continued,
		"accepted: contract/languages de-DE" + here + continued,
		"accepted: contract/languages ar-SA" + here + continued,
		"accepted: contract/languages zh-Hans-CN" + here + continued,
		"accepted: contract/languages x-unheard-of" + here + continued,
		"accepted: contract/unknown custom attributes" + here + continued,
		"accepted: contract/values of 1,000 characters" + here + continued,
		"accepted: contract/names in Chinese, Arabic and emoji" + here + continued,
		"accepted: contract/names with quotes and mark-up" + here + continued,
		"accepted: contract/the same invocation twice" + here + continued,
		"refused: credentials/without credentials" + stranger,
		"refused: credentials/with a wrong password" + stranger,
		"refused: credentials/with a wrong user name" + stranger,
		"accepted: credentials/the characters of the password",
		"accepted: http/HTTP/1.1" + continued,
		"accepted: http/HTTP/2" + continued,
		"accepted: http/Content-Type: application/json; charset=utf-8" + continued,
		"accepted: http/Content-Type: application/json;charset=UTF-8" + continued,
		"accepted: http/Accept-Encoding: gzip" + continued,
		"accepted: http/Accept-Encoding: identity" + continued,
		"accepted: http/a slow request" + continued,
		"refused: http/GET",
		"refused: http/a body that is no JSON",
		"refused: http/a body that is no object",
		"refused: http/no body",
		"accepted: tls/TLS 1.3 only",
		"accepted: tls/TLS 1.2 only",
		"refused: tls/TLS 1.1 and 1.0",
		"accepted: tls/the cipher suites of the original",
		"accepted: tls/the server certificate's validity",
		"accepted: time and size/one connection for two calls",
		"accepted: time and size/the slowest answer",
		"accepted: time and size/the largest answer",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !sum.OK() || sum.Accepted+sum.Refused != len(want) || sum.Refused != 8 || sum.Took <= 0 {
		t.Errorf("%+v", sum)
	}
	for _, c := range checks {
		if c.Advice != "" {
			t.Errorf("%s has the advice %q", line(c), c.Advice)
		}
	}
}

// TestFaultsAreNamed: each behaviour of a target that answers every call alike is named by the reason of the first call.
func TestFaultsAreNamed(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"html": "wrong target_returned_html", "broken": "wrong answer_not_json", "empty": "wrong answer_empty", "array": "wrong answer_not_object",
		"noversion": "wrong version_absent", "lowercase": "wrong action_wrong_case", "nomessage": "wrong user_message_absent",
		"wrongtype": "wrong claim_wrong_type", "validation200": "wrong validation_error_without_status_400", "status": "wrong target_server_error",
		"throttle": "wrong target_throttled", "redirect": "wrong target_redirected", "moody": "accepted continued",
		"null": "warning claim_null", "bom": "warning answer_byte_order_mark", "plain": "warning content_type_not_json", "block": "accepted blocked",
		"reset": "wrong connection_reset stopped", "flaky": "wrong connection_reset stopped", "cut": "wrong answer_cut_short stopped",
		"bytes": "wrong answer_body_timeout stopped", "endless": "wrong answer_too_large stopped", "silent": "wrong answer_timeout stopped",
		"slow": "wrong answer_timeout stopped",
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			o := options(t, serve(t, guarded(target.Options{Answer: answer, Pace: time.Hour})))
			if strings.HasSuffix(want, "timeout stopped") {
				o.Budget = 2 * time.Second
			}
			checks, sum := run(t, o)
			got := fmt.Sprint(checks[0].Verdict, " ", checks[0].Reason)
			if sum.Stopped {
				got += " stopped"
			}
			// Over HTTP/2 a frame of ours that is on its way may swallow the reset; what is read then is the end.
			got = strings.Replace(got, string(apiconn.ReasonConnectionClosed), string(apiconn.ReasonConnectionReset), 1)
			if got != want {
				t.Errorf("got %s, want %s: %+v", got, want, checks[0])
			}
			if (checks[0].Verdict == lint.Wrong) != (checks[0].Advice != "" && checks[0].Action == apiconn.Failed) && checks[0].Verdict != lint.Warning {
				t.Errorf("no advice: %+v", checks[0])
			}
			if sum.OK() != (checks[0].Verdict != lint.Wrong && answer != "moody") || sum.Stopped && len(checks) != 1 {
				t.Errorf("%+v after %d checks", sum, len(checks))
			}
		})
	}
}

// TestWhatIsFound: the faults that show in some checks only. Every other check of these endpoints is in order.
func TestWhatIsFound(t *testing.T) {
	t.Parallel()
	const here = " @b2x.postAttributeCollection"
	for name, c := range map[string]struct {
		target target.Options
		want   []string
	}{
		"validation at a step that has none": {guarded(target.Options{Answer: "validation"}), []string{
			"wrong: contract/every claim @b2x.postFederationSignup [Failed action_not_allowed_at_step]",
			"wrong: contract/email only @b2x.postFederationSignup [Failed action_not_allowed_at_step]",
		}},
		"moody": {guarded(target.Options{Answer: "moody"}), []string{"wrong: contract/the same invocation twice" + here}},
		"open to everybody": {target.Options{}, []string{
			"wrong: credentials/without credentials [Continue continued]",
			"wrong: credentials/with a wrong password [Continue continued]",
			"wrong: credentials/with a wrong user name [Continue continued]",
		}},
		"careless": {guarded(target.Options{Careless: true}), []string{
			"wrong: http/GET [Continue ]", "wrong: http/a body that is no JSON [Continue ]",
			"wrong: http/a body that is no object [Continue ]", "wrong: http/no body [Continue ]",
		}},
		"careless and blocking": {guarded(target.Options{Careless: true, Answer: "block"}), []string{
			"warning: http/GET [ShowBlockPage ]", "warning: http/a body that is no JSON [ShowBlockPage ]",
			"warning: http/a body that is no object [ShowBlockPage ]", "warning: http/no body [ShowBlockPage ]",
		}},
		"compressed for everybody": {guarded(target.Options{Answer: "gzip"}), []string{"warning: http/Accept-Encoding: identity [Continue continued]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checks, _ := run(t, options(t, serve(t, c.target)))
			got := bad(checks)
			for i := range got { // the reason of what decides is said above
				if strings.Contains(got[i], "twice") {
					got[i], _, _ = strings.Cut(got[i], " [")
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			for _, check := range checks {
				if (check.Verdict == lint.Wrong || check.Verdict == lint.Warning) && check.Advice == "" {
					t.Errorf("%s has no advice", line(check))
				}
			}
		})
	}
}

func TestFlowsAndSteps(t *testing.T) {
	t.Parallel()
	e := serve(t, guarded(target.Options{}))
	places := func(kinds []apiconn.UserFlowKind, steps ...string) []string {
		o := options(t, e)
		o.Kinds = kinds
		for _, name := range steps {
			step, _ := apiconn.StepByName(name)
			o.Steps = append(o.Steps, step)
		}
		checks, sum := run(t, o)
		if !sum.OK() {
			t.Error(bad(checks))
		}
		var out []string
		for _, c := range checks {
			if at := string(c.Kind) + "." + c.Step; c.Name == "every claim" {
				out = append(out, at)
			}
		}
		return out
	}
	all := []apiconn.UserFlowKind{apiconn.B2X, apiconn.B2C}
	want := []string{"b2x.postFederationSignup", "b2x.postAttributeCollection", "b2c.postFederationSignup", "b2c.postAttributeCollection", "b2c.preTokenIssuance"}
	if diff := cmp.Diff(want, places(all)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"b2c.preTokenIssuance"}, places(all, "preTokenIssuance")); diff != "" {
		t.Error(diff)
	}
}

// TestGuard: without an exception nothing reaches the endpoint, and the check says what to do.
func TestGuard(t *testing.T) {
	t.Parallel()
	canary, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer canary.Close()
	_, port, _ := net.SplitHostPort(canary.Addr().String())
	for _, host := range []string{"localhost", "127.0.0.1", "2130706433", "127.1", "[::ffff:127.0.0.1]"} {
		o := options(t, endpoint{url: "https://" + host + ":" + port + "/"})
		o.Guard = nil
		o.Client = outbound.New(outbound.Options{})
		t.Cleanup(o.Client.Close)
		checks, sum := run(t, o)
		if c := checks[0]; len(checks) != 1 || !sum.Stopped || c.Reason != apiconn.ReasonAddressBlocked || !strings.Contains(c.Advice, "--allow") {
			t.Errorf("%s: %+v %+v", host, checks, sum)
		}
	}
	untouched(t, canary)
}

// untouched fails the test if anybody has connected to the listener: the connection made here must be the first in its queue.
func untouched(t *testing.T, canary net.Listener) {
	t.Helper()
	ours, err := net.Dial("tcp", canary.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	first, err := canary.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if first.RemoteAddr().String() != ours.LocalAddr().String() {
		t.Error("a connection reached the canary")
	}
}

// TestCertificates: the checks of an endpoint that knows its callers by certificate.
func TestCertificates(t *testing.T) {
	t.Parallel()
	known := pair(t, year)
	roots := x509.NewCertPool()
	roots.AddCert(known.Leaf)
	for name, c := range map[string]struct {
		target target.Options
		want   []string
	}{
		"required":                 {target.Options{ClientCertificates: target.Required, ClientRoots: roots}, nil},
		"required of anybody":      {target.Options{ClientCertificates: target.Required}, []string{"wrong: credentials/with another's certificate of the same names [Continue continued]"}},
		"optional, checked if any": {target.Options{ClientCertificates: target.Optional, ClientRoots: roots}, []string{"wrong: credentials/without credentials [Continue continued]"}},
		"not asked for": {target.Options{}, []string{
			"wrong: credentials/without credentials [Continue continued]", "wrong: credentials/with another's certificate of the same names [Continue continued]",
			"wrong: tls/the client certificate is asked for",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, serve(t, c.target))
			o.Credential = byCertificate(known)
			checks, _ := run(t, o)
			if diff := cmp.Diff(c.want, bad(checks)); diff != "" {
				t.Error(diff)
			}
			if !slices.ContainsFunc(checks, func(c lint.Check) bool { return c.Name == "the client certificate is asked for" }) {
				t.Error("nothing looks whether a certificate is asked for")
			}
		})
	}
}

// TestNothingLeaks: neither the password nor a key in the URL is in any check, whatever the endpoint does.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	const key = "k3y-0f-the-url"
	for _, answer := range []string{"continue", "html", "redirect", "status", "reset", "cut", "broken"} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			o := options(t, serve(t, target.Options{Answer: answer}))
			o.URL += "?code=" + key
			checks, sum := run(t, o)
			text, err := json.Marshal(checks)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{password, key, "cGE1NS13MHJk"} { // and in base64
				if strings.Contains(string(text), secret) || strings.Contains(fmt.Sprintf("%+v %+v %v", checks, sum, o.Credential), secret) {
					t.Error("a check shows a secret")
				}
			}
		})
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	e := serve(t, guarded(target.Options{}))
	for want, change := range map[string]func(*lint.Options){
		"needs a client":              func(o *lint.Options) { o.Client = nil },
		"must be an https URL":        func(o *lint.Options) { o.URL = "http://localhost/" },
		"must not contain a user":     func(o *lint.Options) { o.URL = "https://a:b@localhost/" },
		"none of these steps":         func(o *lint.Options) { o.Steps = apiconn.Steps[2:] },
		"a budget is from 100ms to 1": func(o *lint.Options) { o.Budget = time.Hour },
	} {
		o := options(t, e)
		change(&o)
		if _, err := lint.Run(t.Context(), o, func(lint.Check) { t.Error("a probe was made") }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if err := o.Check(); err == nil {
			t.Errorf("Check passes what Run refuses with %q", want)
		}
	}
}

// TestEndInBetween: when ctx ends, the run does, and the probe under way is no finding.
func TestEndInBetween(t *testing.T) {
	t.Parallel()
	o := options(t, serve(t, guarded(target.Options{})))
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	_, err := lint.Run(ctx, o, func(c lint.Check) {
		if n++; n == 3 {
			cancel()
		}
		if c.Verdict != lint.Accepted {
			t.Error(line(c))
		}
	})
	if !errors.Is(err, context.Canceled) || n != 3 {
		t.Errorf("%v after %d checks", err, n)
	}
}

// TestReportOnlyGuard: a guard that only reports lets lint through.
func TestReportOnlyGuard(t *testing.T) {
	t.Parallel()
	e := serve(t, guarded(target.Options{}))
	o := options(t, e)
	var err error
	if o.Guard, err = guard.New(guard.ReportOnly, nil, nil); err != nil {
		t.Fatal(err)
	}
	o.Client = outbound.New(outbound.Options{Guard: o.Guard, Roots: e.roots})
	t.Cleanup(o.Client.Close)
	if checks, sum := run(t, o); !sum.OK() {
		t.Error(bad(checks))
	}
}
