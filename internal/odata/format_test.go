package odata

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFormat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, accept, option string
		want                 Format
	}{
		{"absent", "", "", Format{}},
		{"Kiota", "application/json", "", Format{}},
		{"JavaScript", "*/*", "", Format{}},
		{"HashiCorp", "application/json; charset=utf-8; IEEE754Compatible=false", "", Format{}},
		{"full, strings", "application/json;odata.metadata=full;IEEE754Compatible=true", "", Format{Full, true}},
		{"none, any case", "Application/JSON; OData.Metadata=NONE; ieee754compatible=TRUE", "", Format{None, true}},
		{"OData 4.01 without prefix", "application/json;metadata=full", "", Format{Full, false}},
		{"OData 3", "application/json;odata=fullmetadata", "", Format{Full, false}},
		{"OData 3 none", "application/json;odata=nometadata;odata.streaming=true", "", Format{None, false}},
		{"prefixed counts before OData 3", "application/json;odata=fullmetadata;odata.metadata=none", "", Format{None, false}},
		{"quoted", `application/json;odata.metadata="full"`, "", Format{Full, false}},
		{"greatest q", "application/json;odata.metadata=none;q=0.5, application/json;odata.metadata=full;q=0.9", "", Format{Full, false}},
		{"the more specific of equals", "*/*, application/json;odata.metadata=full", "", Format{Full, false}},
		{"the first of equals", "application/json;odata.metadata=none,application/json;odata.metadata=full", "", Format{None, false}},
		{"refused range", "application/json;odata.metadata=full;q=0, */*;q=0.1", "", Format{}},
		{"refused range alone", "application/json;odata.metadata=full;q=0", "", Format{}},
		{"comma in quotes", `text/html;x=",application/json;odata.metadata=full,"`, "", Format{}},
		{"quote in quotes", `text/html;x="\",application/json;odata.metadata=full,"`, "", Format{}},
		{"application/*", "application/*;odata.metadata=full", "", Format{Full, false}},
		{"not JSON", "text/html,application/xhtml+xml", "", Format{}},
		{"unreadable", ";;,=,/", "", Format{}},
		{"unreadable q", "application/json;odata.metadata=full;q=high", "", Format{}},
		{"a fault in a range that does not count", "application/json;odata.metadata=big;q=0.1,application/json", "", Format{}},
		{"$format json", "application/json;odata.metadata=full", "JSON", Format{}},
		{"$format before Accept", "application/json;odata.metadata=full", "application/json;odata.metadata=none;IEEE754Compatible=true", Format{None, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseFormat(tt.accept, tt.option)
			if err != nil || got != tt.want {
				t.Errorf("ParseFormat(%q, %q) = %+v, %v, want %+v", tt.accept, tt.option, got, err, tt.want)
			}
		})
	}
}

func TestParseFormatErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, accept, option, at, message string }{
		{"metadata", "application/json;odata.metadata=big", "", "Accept", "The Accept parameter 'odata.metadata=big' is not supported. Use odata.metadata=none, minimal or full."},
		{"OData 3 verbose", "application/json;odata=verbose", "", "Accept", "The Accept parameter 'odata=verbose' is not supported. Use odata.metadata=none, minimal or full."},
		{"metadata empty", `application/json;odata.metadata=""`, "", "Accept", "The Accept parameter 'odata.metadata=' is not supported. Use odata.metadata=none, minimal or full."},
		{"IEEE754Compatible", "application/json;IEEE754Compatible=yes", "", "Accept", "The Accept parameter 'IEEE754Compatible=yes' is not supported. Use true or false."},
		{"$format xml", "", "xml", "$format", "The $format 'xml' is not supported. Use 'json' or 'application/json'."},
		{"$format any", "", "*/*", "$format", "The $format '*/*' is not supported. Use 'json' or 'application/json'."},
		{"$format metadata", "", "application/json;odata.metadata=1", "$format", "The $format parameter 'odata.metadata=1' is not supported. Use odata.metadata=none, minimal or full."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseFormat(tt.accept, tt.option)
			want := &Error{Problem: Unsupported, Option: tt.at, Message: tt.message}
			if diff := cmp.Diff(want, mustError(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestContentType(t *testing.T) {
	t.Parallel()
	tests := map[Format]string{
		{}:            "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
		{None, false}: "application/json;odata.metadata=none;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
		{Full, true}:  "application/json;odata.metadata=full;odata.streaming=true;IEEE754Compatible=true;charset=utf-8",
	}
	for f, want := range tests {
		if got := f.ContentType(); got != want {
			t.Errorf("ContentType of %+v = %q, want %q", f, got, want)
		}
	}
}
