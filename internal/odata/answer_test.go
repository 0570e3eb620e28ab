package odata

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const (
	base       = "https://graph.example/v1.0"
	listURL    = base + "/$metadata#identity/apiConnectors"
	entityURL  = listURL + "/$entity"
	authType   = "microsoft.graph.apiAuthenticationConfigurationBase"
	certType   = "microsoft.graph.pkcs12CertificateInformation"
	connectors = "microsoft.graph.identityApiConnector"
)

func basicConnector() Entity {
	return Entity{
		ContextURL: entityURL,
		ID:         base + "/identity/apiConnectors/1",
		Type:       connectors,
		Properties: []Property{
			{"id", String("1")},
			{"targetUrl", String("https://a.example/?x=1&y=<2>")},
			{"authenticationConfiguration", Complex{
				Type: "microsoft.graph.basicAuthentication", Declared: authType,
				Properties: []Property{{"username", String("u")}, {"password", String("******")}},
			}},
		},
	}
}

func certificateConnector() Entity {
	return Entity{
		ContextURL: entityURL,
		ID:         base + "/identity/apiConnectors/2",
		Type:       connectors,
		Properties: []Property{
			{"id", String("2")},
			{"displayName", nil},
			{"authenticationConfiguration", Complex{
				Type: "microsoft.graph.clientCertificateAuthentication", Declared: authType,
				Properties: []Property{{"certificateList", ComplexCollection{Declared: certType, Items: []Complex{
					{Type: certType, Properties: []Property{{"notAfter", Int64(1666350522)}, {"isActive", Bool(true)}}},
				}}}},
			}},
		},
	}
}

// flow has the remaining kinds of value: an expanded entity, times, collections.
func flow() Entity {
	inner := Entity{ContextURL: base + "/$metadata#steps/$entity", ID: base + "/steps/3", Type: connectors, Properties: []Property{{"id", String("3")}}}
	return Entity{
		ContextURL: base + "/$metadata#flows/$entity",
		Properties: []Property{
			{"at", DateTimeOffset(time.Date(2026, 1, 2, 5, 4, 5, 123456789, time.FixedZone("", 7200)))},
			{"whole", DateTimeOffset(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))},
			{"tags", Strings{"a", "b"}},
			{"none", Strings(nil)},
			{"single", Single(1)},
			{"tenth", Single(0.1)},
			{"infinite", Single(math.Inf(-1))},
			{"empty", ComplexCollection{Declared: certType}},
			{"same", Complex{Type: certType, Declared: certType}},
			{"postFederationSignup", inner},
			{"postAttributeCollection", Entity{Properties: []Property{{"n", Int64(-1)}}}},
		},
	}
}

func TestAppendEntity(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		entity Entity
		format Format
		want   string
	}{
		{"basic, minimal", basicConnector(), Format{}, `{"@odata.context":"https://graph.example/v1.0/$metadata#identity/apiConnectors/$entity","id":"1","targetUrl":"https://a.example/?x=1&y=<2>","authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":"******"}}`},
		{"basic, none", basicConnector(), Format{Metadata: None}, `{"id":"1","targetUrl":"https://a.example/?x=1&y=<2>","authenticationConfiguration":{"username":"u","password":"******"}}`},
		{"basic, full", basicConnector(), Format{Metadata: Full}, `{"@odata.context":"https://graph.example/v1.0/$metadata#identity/apiConnectors/$entity","@odata.type":"#microsoft.graph.identityApiConnector","@odata.id":"https://graph.example/v1.0/identity/apiConnectors/1","@odata.editLink":"https://graph.example/v1.0/identity/apiConnectors/1","id":"1","targetUrl":"https://a.example/?x=1&y=<2>","authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":"******"}}`},
		{"certificate, minimal", certificateConnector(), Format{}, `{"@odata.context":"https://graph.example/v1.0/$metadata#identity/apiConnectors/$entity","id":"2","displayName":null,"authenticationConfiguration":{"@odata.type":"#microsoft.graph.clientCertificateAuthentication","certificateList":[{"notAfter":1666350522,"isActive":true}]}}`},
		{"certificate, none and IEEE754Compatible", certificateConnector(), Format{Metadata: None, IEEE754: true}, `{"id":"2","displayName":null,"authenticationConfiguration":{"certificateList":[{"notAfter":"1666350522","isActive":true}]}}`},
		{"certificate, full and IEEE754Compatible", certificateConnector(), Format{Metadata: Full, IEEE754: true}, `{"@odata.context":"https://graph.example/v1.0/$metadata#identity/apiConnectors/$entity","@odata.type":"#microsoft.graph.identityApiConnector","@odata.id":"https://graph.example/v1.0/identity/apiConnectors/2","@odata.editLink":"https://graph.example/v1.0/identity/apiConnectors/2","id":"2","displayName":null,"authenticationConfiguration":{"@odata.type":"#microsoft.graph.clientCertificateAuthentication","certificateList@odata.type":"#Collection(microsoft.graph.pkcs12CertificateInformation)","certificateList":[{"@odata.type":"#microsoft.graph.pkcs12CertificateInformation","notAfter@odata.type":"#Int64","notAfter":"1666350522","isActive":true}]}}`},
		{"the rest, minimal", flow(), Format{}, `{"@odata.context":"https://graph.example/v1.0/$metadata#flows/$entity","at":"2026-01-02T03:04:05.123456Z","whole":"2026-01-02T03:04:05Z","tags":["a","b"],"none":[],"single":1,"tenth":0.1,"infinite":"-INF","empty":[],"same":{},"postFederationSignup@odata.context":"https://graph.example/v1.0/$metadata#steps/$entity","postFederationSignup":{"id":"3"},"postAttributeCollection":{"n":-1}}`},
		{"the rest, none", flow(), Format{Metadata: None}, `{"at":"2026-01-02T03:04:05.123456Z","whole":"2026-01-02T03:04:05Z","tags":["a","b"],"none":[],"single":1,"tenth":0.1,"infinite":"-INF","empty":[],"same":{},"postFederationSignup":{"id":"3"},"postAttributeCollection":{"n":-1}}`},
		{"the rest, full", flow(), Format{Metadata: Full}, `{"@odata.context":"https://graph.example/v1.0/$metadata#flows/$entity","at@odata.type":"#DateTimeOffset","at":"2026-01-02T03:04:05.123456Z","whole@odata.type":"#DateTimeOffset","whole":"2026-01-02T03:04:05Z","tags@odata.type":"#Collection(String)","tags":["a","b"],"none@odata.type":"#Collection(String)","none":[],"single@odata.type":"#Single","single":1,"tenth@odata.type":"#Single","tenth":0.1,"infinite@odata.type":"#Single","infinite":"-INF","empty@odata.type":"#Collection(microsoft.graph.pkcs12CertificateInformation)","empty":[],"same":{"@odata.type":"#microsoft.graph.pkcs12CertificateInformation"},"postFederationSignup@odata.context":"https://graph.example/v1.0/$metadata#steps/$entity","postFederationSignup":{"@odata.type":"#microsoft.graph.identityApiConnector","@odata.id":"https://graph.example/v1.0/steps/3","@odata.editLink":"https://graph.example/v1.0/steps/3","id":"3"},"postAttributeCollection":{"n@odata.type":"#Int64","n":-1}}`},
		{
			"batch answer, full and IEEE754Compatible",
			Entity{Properties: []Property{{"status", Int32(200)}, {"body", Raw(`{"a": 1}`)}, {"empty", Raw(nil)}}},
			Format{Metadata: Full, IEEE754: true},
			`{"status":200,"body":{"a": 1},"empty":null}`,
		},
		{"nothing", Entity{}, Format{}, `{}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := string(AppendEntity([]byte("before "), tt.entity, tt.format))
			if got != "before "+tt.want {
				t.Errorf("\n got %s\nwant before %s", got, tt.want)
			}
		})
	}
}

func TestAppendCollection(t *testing.T) {
	t.Parallel()
	two := []Entity{
		{ContextURL: entityURL, ID: base + "/1", Type: connectors, Properties: []Property{{"id", String("1")}}},
		{Properties: []Property{{"id", String("2")}}},
	}
	count := int64(7)
	tests := []struct {
		name     string
		count    *int64
		next     string
		entities []Entity
		format   Format
		want     string
	}{
		{"empty", nil, "", nil, Format{}, `{"@odata.context":"https://graph.example/v1.0/$metadata#identity/apiConnectors","value":[]}`},
		{"page, minimal", &count, base + "/x?$skiptoken=a&b", two, Format{}, `{"@odata.context":"https://graph.example/v1.0/$metadata#identity/apiConnectors","@odata.count":7,"@odata.nextLink":"https://graph.example/v1.0/x?$skiptoken=a&b","value":[{"id":"1"},{"id":"2"}]}`},
		{"page, none", &count, base + "/x", two, Format{Metadata: None}, `{"@odata.count":7,"@odata.nextLink":"https://graph.example/v1.0/x","value":[{"id":"1"},{"id":"2"}]}`},
		{"nothing to say, none", nil, "", nil, Format{Metadata: None}, `{"value":[]}`},
		{"page, full and IEEE754Compatible", &count, "", two, Format{Metadata: Full, IEEE754: true}, `{"@odata.context":"https://graph.example/v1.0/$metadata#identity/apiConnectors","@odata.count":"7","value":[{"@odata.type":"#microsoft.graph.identityApiConnector","@odata.id":"https://graph.example/v1.0/1","@odata.editLink":"https://graph.example/v1.0/1","id":"1"},{"id":"2"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := string(AppendCollection(nil, listURL, tt.count, tt.next, tt.entities, tt.format))
			if got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestAppendString(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"as it is", "é😀 &<>'/\x7f", "\"é😀 &<>'/\x7f\""},
		{"empty", "", `""`},
		{"must be escaped", "\"\\\n\r\t\b\x00\x1f", `"\"\\\n\r\t\u0008\u0000\u001f"`},
		{"line separators", "a\u2028b\u2029", `"a\u2028b\u2029"`},
		{"not UTF-8", "a\xffb\xe2\x80", "\"a\uFFFDb\uFFFD\uFFFD\""},
		{"a replacement character", "\uFFFDx", "\"\uFFFDx\""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := string(appendString(nil, tt.text)); got != tt.want {
				t.Errorf("appendString(%q) = %s, want %s", tt.text, got, tt.want)
			}
		})
	}
}

// FuzzAppendString: whatever it is, it is JSON, and encoding/json and ParseObject read it back.
func FuzzAppendString(f *testing.F) {
	f.Add("My \"check\" & <more>\n\u2028\x00\xff😀")
	f.Fuzz(func(t *testing.T, text string) {
		encoded := appendString(nil, text)
		var byStandard string
		if err := json.Unmarshal(encoded, &byStandard); err != nil {
			t.Fatalf("%q became %s: %v", text, encoded, err)
		}
		o, err := ParseObject([]byte(`{"s":` + string(encoded) + `}`))
		if err != nil {
			t.Fatalf("%q became %s: %v", text, encoded, err)
		}
		v, _ := o.Get("s")
		ours, _ := v.Text()
		if utf8.ValidString(text) && (ours != text || byStandard != text) {
			t.Errorf("%q came back as %q and %q", text, ours, byStandard)
		}
		if strings.ContainsAny(string(encoded), "\u2028\u2029\n") {
			t.Errorf("%q became %q", text, encoded)
		}
	})
}

func BenchmarkAppendEntity(b *testing.B) {
	for name, f := range map[string]Format{"minimal": {}, "full": {Metadata: Full}} {
		b.Run(name, func(b *testing.B) {
			e := certificateConnector()
			dst := make([]byte, 0, 2048)
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendEntity(dst[:0], e, f)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}
