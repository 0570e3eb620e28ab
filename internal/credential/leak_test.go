package credential

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// secretBodies are bodies of every kind that hold canary in each secret place, in order and broken in many ways. A kind
// without a row here fails TestNoKindLeaks.
var secretBodies = map[string]func(b builder) []map[string]any{
	typeBasic: func(builder) []map[string]any {
		return []map[string]any{
			{"username": "u", "password": canary},
			{"password": canary},
			{"username": "", "password": canary},
			{"username": "a:b", "password": canary},
			{"username": "u", "password": canary + "\x00"},
			{"username": "u", "password": strings.Repeat(canary, 500)},
			{"username": "u", "password": []any{canary}},
			{"foo": canary},
			{"username": true, "password": canary},
		}
	},
	typePKCS12: func(b builder) []map[string]any {
		value := base64.StdEncoding.EncodeToString
		good := b.library(pkcs12.Modern2023, "p256", "leaf")
		key, cert := b.pair("p256")
		bodies := []map[string]any{
			{"pkcs12Value": value(good), "password": canary},
			{"pkcs12Value": value(good), "password": canary + "x"},
			{"pkcs12Value": value(good[:500]), "password": canary},
			{"pkcs12Value": canary, "password": canary},
			{"pkcs12Value": value([]byte(canary)), "password": canary},
			{"password": canary},
			{"pkcs12Value": []any{canary}},
			{"pkcs12Value": value(good), "password": []any{canary}},
			{"foo": canary},
			{"pkcs12Value": "eyJ" + canary},
		}
		for _, file := range [][]byte{
			b.library(pkcs12.Modern2023, "p256", "p384"), b.library(pkcs12.Modern2026, "p256", "leaf"), b.claiming(good, million20),
			b.file(b.open(b.key([]byte(canary)), b.cert(cert))), b.file(b.open(b.shrouded(key, 2), b.cert(cert))), b.file(b.open(b.key(key), b.key(key))),
			b.file(b.open(b.key(key))), b.file(b.encrypted(1, b.key(key), b.cert(cert))), b.file(b.encrypted(1, b.cert([]byte(canary)))),
		} {
			bodies = append(bodies, map[string]any{"pkcs12Value": value(file), "password": canary})
		}
		return bodies
	},
	typeClientCertificate: func(builder) []map[string]any {
		return []map[string]any{{"certificateList": []any{canary}}, {"certificateList": canary}, {"foo": canary}}
	},
}

// TestNoKindLeaks: neither what a reader sees nor any error, nor a change that is printed, holds a secret.
func TestNoKindLeaks(t *testing.T) {
	t.Parallel()
	b := builderFor(t, canary)
	private := hex.EncodeToString(b.der("p256.key")[36:60]) // part of the private scalar
	for _, k := range kinds {
		bodies, ok := secretBodies[k.name]
		if !ok {
			t.Errorf("%s has no row in secretBodies", k.name)
			continue
		}
		accepted := 0
		for i, members := range bodies(b) {
			for _, current := range []*apiconn.Authentication{nil, basicStored(), certificateStored(2)} {
				seen, err := everythingSeen(t, Given{Type: k.name, Members: members}, current)
				if err == nil {
					accepted++
				}
				for _, spelling := range append(spellings(), private, strings.ToUpper(private)) {
					if strings.Contains(seen, spelling) {
						t.Fatalf("body %d of %s is seen", i, k.name)
					}
				}
			}
		}
		if accepted == 0 && k.name != typeClientCertificate {
			t.Errorf("no body of %s was in order", k.name)
		}
	}
}

// everythingSeen writes down all that g gives away: errors with their causes, changes, what a reader sees.
func everythingSeen(t *testing.T, g Given, current *apiconn.Authentication) (string, error) {
	t.Helper()
	var seen strings.Builder
	fmt.Fprintf(&seen, "%v %+v\n", g, &g)
	change, err := accept(t, g, current, time.Now())
	if err != nil {
		fmt.Fprintf(&seen, "%v %+v %#v %+v\n", err, err, err, *apiconn.AsError(err))
		return seen.String(), err
	}
	if current == nil {
		current = &apiconn.Authentication{}
	}
	next, err := change.Onto(*current, func(member string, value Secret) (apiconn.Sealed, error) {
		fmt.Fprintln(&seen, member, value)
		return apiconn.Sealed{Ciphertext: slices.Repeat([]byte{1}, len(value.Reveal()))}, nil
	})
	if err != nil {
		return seen.String(), err
	}
	fmt.Fprintf(&seen, "%+v %#v\n%+v\n%+v\n", change, change, next, Show(next, time.Now()))
	if change.Certificate != nil {
		fmt.Fprintf(&seen, "%+v %x\n", *change.Certificate, *change.Certificate)
	}
	return seen.String(), nil
}
