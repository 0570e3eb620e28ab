package credential

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// fakeSeal seals by writing down what it was asked to seal.
func fakeSeal(sealed *[]string) func(string, Secret) (apiconn.Sealed, error) {
	return func(member string, value Secret) (apiconn.Sealed, error) {
		*sealed = append(*sealed, member)
		return apiconn.Sealed{Version: 2, Ciphertext: append([]byte("sealed:"), value.Reveal()...)}, nil
	}
}

func TestOnto(t *testing.T) {
	t.Parallel()
	certificate := func(thumbprint string, sequence int64) apiconn.Certificate {
		return apiconn.Certificate{Thumbprint: thumbprint, Sequence: sequence}
	}
	two := apiconn.Authentication{
		Type: typeClientCertificate, Open: map[string]string{},
		Sealed:       map[string]apiconn.Sealed{"certificate/A": {Version: 1}, "certificate/B": {Version: 1}},
		Certificates: []apiconn.Certificate{certificate("A", 1), certificate("B", 2)},
	}
	newA := &NewCertificate{Certificate: certificate("A", 3), Stored: NewSecret("a")}
	sealedA := apiconn.Sealed{Version: 2, Ciphertext: []byte("sealed:a")}
	cases := []struct {
		name    string
		change  Change
		current apiconn.Authentication
		want    apiconn.Authentication
		sealed  []string
	}{
		{
			"user name only keeps the ciphertext",
			Change{Type: typeBasic, Open: map[string]string{"username": "new"}},
			*basicStored(),
			apiconn.Authentication{Type: typeBasic, Open: map[string]string{"username": "new"}, Sealed: basicStored().Sealed},
			nil,
		},
		{
			"password only",
			Change{Type: typeBasic, Secrets: map[string]Secret{"password": NewSecret("p")}},
			*basicStored(),
			apiconn.Authentication{Type: typeBasic, Open: basicStored().Open, Sealed: map[string]apiconn.Sealed{
				"password": {Version: 2, Ciphertext: []byte("sealed:p")},
			}},
			[]string{"password"},
		},
		{
			"nothing", Change{Type: typeClientCertificate}, two, two, nil,
		},
		{
			"the same certificate again is the newest, once",
			Change{Type: typeClientCertificate, Certificate: newA},
			two,
			apiconn.Authentication{
				Type: typeClientCertificate, Open: map[string]string{},
				Sealed:       map[string]apiconn.Sealed{"certificate/A": sealedA, "certificate/B": {Version: 1}},
				Certificates: []apiconn.Certificate{certificate("B", 2), certificate("A", 3)},
			},
			[]string{"certificate/A"},
		},
		{
			"replace drops everything",
			Change{Type: typeClientCertificate, Replace: true, Certificate: newA},
			*basicStored(),
			apiconn.Authentication{
				Type: typeClientCertificate, Open: map[string]string{}, Sealed: map[string]apiconn.Sealed{"certificate/A": sealedA},
				Certificates: []apiconn.Certificate{certificate("A", 3)},
			},
			[]string{"certificate/A"},
		},
		{
			"replace drops certificates",
			Change{Type: typeBasic, Replace: true, Open: map[string]string{"username": "u"}, Secrets: map[string]Secret{"password": NewSecret("p")}},
			two,
			apiconn.Authentication{Type: typeBasic, Open: map[string]string{"username": "u"}, Sealed: map[string]apiconn.Sealed{
				"password": {Version: 2, Ciphertext: []byte("sealed:p")},
			}},
			[]string{"password"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before := clone(c.current)
			var sealed []string
			got, err := c.change.Onto(c.current, fakeSeal(&sealed))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("next (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.sealed, sealed); diff != "" {
				t.Errorf("sealed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, c.current); diff != "" {
				t.Errorf("current was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// clone copies what Onto could write to.
func clone(a apiconn.Authentication) apiconn.Authentication {
	next, _ := Change{Type: a.Type}.Onto(a, nil)
	if a.Open == nil {
		next.Open = nil
	}
	next.Certificates = slices.Clone(a.Certificates)
	return next
}

func TestOntoReportsFailedSealing(t *testing.T) {
	t.Parallel()
	broken := errors.New("no key")
	seal := func(string, Secret) (apiconn.Sealed, error) { return apiconn.Sealed{}, broken }
	for _, change := range []Change{
		{Type: typeBasic, Secrets: map[string]Secret{"password": NewSecret(canary)}},
		{Type: typeClientCertificate, Certificate: &NewCertificate{Stored: NewSecret(canary)}},
	} {
		if _, err := change.Onto(apiconn.Authentication{}, seal); !errors.Is(err, broken) || leaks(err.Error()) != "" {
			t.Errorf("got %v", err)
		}
	}
}
