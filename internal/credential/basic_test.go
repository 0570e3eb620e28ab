package credential

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

func TestBasicMerges(t *testing.T) {
	t.Parallel()
	type members = map[string]any
	secret := func(value string) map[string]Secret { return map[string]Secret{"password": NewSecret(value)} }
	open := func(value string) map[string]string { return map[string]string{"username": value} }
	cases := []struct {
		name    string
		members members
		current *apiconn.Authentication
		want    Change
	}{
		{"create", members{"username": "u", "password": "p"}, nil, Change{Open: open("u"), Secrets: secret("p")}},
		{"create beyond ASCII", members{"username": "Jürgen 😀", "password": "Пароль: 密码"}, nil, Change{Open: open("Jürgen 😀"), Secrets: secret("Пароль: 密码")}},
		{"change both", members{"username": "u", "password": "p"}, basicStored(), Change{Open: open("u"), Secrets: secret("p")}},
		{"password only (Terraform)", members{"password": "p"}, basicStored(), Change{Secrets: secret("p")}},
		{"user name only", members{"username": "u"}, basicStored(), Change{Open: open("u")}},
		{"user name, mask sent back", members{"username": "u", "password": "******"}, basicStored(), Change{Open: open("u")}},
		{"seven asterisks are a password", members{"password": "*******"}, basicStored(), Change{Secrets: secret("*******")}},
		{"nothing", members{}, basicStored(), Change{}},
		{"from certificates", members{"username": "u", "password": "p"}, certificateStored(2), Change{Replace: true, Open: open("u"), Secrets: secret("p")}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.want.Type = typeBasic
			got, err := accept(t, Given{Type: "#microsoft.graph.basicAuthentication", Members: c.members}, c.current, noon)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
			if got.Empty() != (len(c.members) == 0) {
				t.Errorf("Empty is %v", got.Empty())
			}
		})
	}
}

func TestBasicRefuses(t *testing.T) {
	t.Parallel()
	const required = apiconn.ReasonRequired
	type members = map[string]any
	cases := []struct {
		name           string
		members        members
		current        *apiconn.Authentication
		reason         apiconn.Reason
		field, message string
	}{
		{"create without password", members{"username": "u"}, nil, required, "password", "must not be null or empty"},
		{"create without user name", members{"password": "p"}, nil, required, "username", "must not be null or empty"},
		{"type change without password", members{"username": "u"}, certificateStored(1), required, "password", "must not be null or empty"},
		{"null password", members{"password": nil}, basicStored(), required, "password", "must not be null or empty"},
		{"empty user name", members{"username": ""}, basicStored(), required, "username", "must not be null or empty"},
		{"mask on create", members{"username": "u", "password": "******"}, nil, "", "password", "is what a reader sees in place of a stored password"},
		{"mask on type change", members{"username": "u", "password": "******"}, certificateStored(1), "", "password", "is what a reader sees"},
		{"colon", members{"username": "a:b"}, basicStored(), "", "username", "holds a colon"},
		{"line break", members{"username": "a\r\nX: y"}, basicStored(), "", "username", "holds control characters"},
		{"NUL in password", members{"password": "a\x00b"}, basicStored(), "", "password", "holds control characters"},
		{"C1 control", members{"password": "a\u0085b"}, basicStored(), "", "password", "holds control characters"},
		{"not UTF-8", members{"password": "a\xff"}, basicStored(), "", "password", "holds control characters"},
		{"long user name", members{"username": strings.Repeat("ü", 256)}, basicStored(), "", "username", "is 256 characters long; at most 255"},
		{"long password", members{"password": strings.Repeat("p", 1025)}, basicStored(), "", "password", "is 1025 characters long; at most 1024"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := accept(t, Given{Type: typeBasic, Members: c.members}, c.current, noon)
			wantError(t, err, c.reason, configuration+c.field, c.message)
		})
	}
}

func TestBasicAcceptsLongestValues(t *testing.T) {
	t.Parallel()
	g := Given{Type: typeBasic, Members: map[string]any{"username": strings.Repeat("ü", 255), "password": strings.Repeat("p", 1024)}}
	if _, err := accept(t, g, nil, noon); err != nil {
		t.Error(err)
	}
}
