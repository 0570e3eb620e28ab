package apiconn

import (
	"math"
	"strings"
	"testing"
)

func TestUserFlowID(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Partner":        "B2X_1_Partner",
		"B2X_1_Partner":  "B2X_1_Partner",
		"b2x_1_Partner":  "B2X_1_Partner",
		"B2C_1_Partner":  "B2X_1_B2C_1_Partner", // the other kind's prefix is a name like any other
		"B2X_1":          "B2X_1_B2X_1",
		"sign-up_2":      "B2X_1_sign-up_2",
		"B2X_1_B2X_1_x":  "B2X_1_B2X_1_x",
		"Ünter":          "",
		"a b":            "",
		"a/b":            "",
		"a'b":            "",
		"a\n":            "",
		"":               "",
		"B2X_1_":         "",
		"$count":         "",
		"B2X_1_" + sixty: "B2X_1_" + sixty,
		sixty + "xxxxx":  "",
	} {
		got, err := UserFlowID(B2X, given)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q became %q, error %v; want %q", given, got, err, want)
		}
		if err != nil && KindOf(err) != Invalid {
			t.Errorf("%q: error %v is not Invalid", given, err)
		}
	}
	if got, err := UserFlowID(B2C, "x"); got != "B2C_1_x" || err != nil {
		t.Errorf("a B2C flow became %q, error %v", got, err)
	}
}

var sixty = strings.Repeat("x", 60)

func TestUserFlowValidate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		flow  UserFlow
		field string // at fault; "" for none
	}{
		"b2x":                     {UserFlow{Kind: B2X, Type: "signUpOrSignIn", TypeVersion: 1}, ""},
		"b2x of another type":     {UserFlow{Kind: B2X, Type: "signUp", TypeVersion: 1}, "userFlowType"},
		"b2x of another version":  {UserFlow{Kind: B2X, Type: "signUpOrSignIn", TypeVersion: 3}, "userFlowTypeVersion"},
		"type in another case":    {UserFlow{Kind: B2X, Type: "signuporsignin", TypeVersion: 1}, "userFlowType"},
		"b2c":                     {UserFlow{Kind: B2C, Type: "passwordReset", TypeVersion: 3}, ""},
		"b2c between versions":    {UserFlow{Kind: B2C, Type: "signIn", TypeVersion: 1.1}, ""},
		"b2c beyond versions":     {UserFlow{Kind: B2C, Type: "signIn", TypeVersion: 4}, "userFlowTypeVersion"},
		"b2c below versions":      {UserFlow{Kind: B2C, Type: "signIn"}, "userFlowTypeVersion"},
		"b2c of an infinite one":  {UserFlow{Kind: B2C, Type: "signIn", TypeVersion: float32(math.Inf(1))}, "userFlowTypeVersion"},
		"b2c of no type":          {UserFlow{Kind: B2C, TypeVersion: 1}, "userFlowType"},
		"a language":              {UserFlow{Kind: B2C, Type: "signIn", TypeVersion: 1, DefaultLanguage: "zh-Hant-TW"}, ""},
		"no language":             {UserFlow{Kind: B2C, Type: "signIn", TypeVersion: 1, DefaultLanguage: "en_US"}, "defaultLanguageTag"},
		"a language without end":  {UserFlow{Kind: B2C, Type: "signIn", TypeVersion: 1, DefaultLanguage: "en" + strings.Repeat("-a", 17)}, "defaultLanguageTag"},
		"a language with a break": {UserFlow{Kind: B2C, Type: "signIn", TypeVersion: 1, DefaultLanguage: "en\n"}, "defaultLanguageTag"},
	} {
		field := ""
		if err := tt.flow.Validate(); err != nil {
			field = AsError(err).Field
		}
		if field != tt.field {
			t.Errorf("%s: the field at fault is %q, want %q", name, field, tt.field)
		}
	}
}

func TestStepByName(t *testing.T) {
	t.Parallel()
	if s, ok := StepByName("POSTfederationSignup"); !ok || s.Name != Steps[0].Name {
		t.Errorf("%v, %v", s, ok)
	}
	if s, ok := StepByName("postFederation"); ok {
		t.Errorf("%v", s)
	}
}
