package odata

import (
	"mime"
	"strconv"
	"strings"
)

// Metadata says how much control information an answer carries (OData JSON 4.01 section 3.1).
type Metadata uint8

// The amounts of control information.
const (
	Minimal Metadata = iota // what cannot be computed from the rest
	None                    // only @odata.nextLink and @odata.count
	Full                    // everything
)

var metadataNames = [...]string{"minimal", "none", "full"}

// String returns the value of the odata.metadata parameter.
func (m Metadata) String() string {
	if int(m) < len(metadataNames) {
		return metadataNames[m]
	}
	return metadataNames[Minimal]
}

// Format is the form of a JSON answer. The zero value is what Graph uses unless asked otherwise.
type Format struct {
	Metadata Metadata
	IEEE754  bool // Int64 values are JSON strings (IEEE754Compatible)
}

// ContentType returns the Content-Type header of an answer in format f (contract 3.2).
func (f Format) ContentType() string {
	return "application/json;odata.metadata=" + f.Metadata.String() +
		";odata.streaming=true;IEEE754Compatible=" + strconv.FormatBool(f.IEEE754) + ";charset=utf-8"
}

// ParseFormat chooses the format of an answer from the Accept header, or from $format, which comes first if it is not
// empty. Of the media ranges that include JSON the one with the greatest q counts, of equals the more specific, then the
// earlier. An Accept header that rules JSON out or cannot be read gives the default, as Graph does. The errors, of
// Problem Unsupported: an unknown odata.metadata or IEEE754Compatible in the range that counts, a $format without JSON.
func ParseFormat(accept, formatOption string) (Format, error) {
	if formatOption != "" {
		if strings.EqualFold(formatOption, "json") {
			return Format{}, nil
		}
		best := mediaRange{option: "$format"}
		if r, ok := parseRange(formatOption); ok {
			best.params, best.rank = r.params, r.rank
		}
		if best.rank < jsonRank {
			return Format{}, errorf(Unsupported, "$format", "The $format '%s' is not supported. Use 'json' or 'application/json'.", clip(formatOption))
		}
		return best.format()
	}
	switch accept {
	case "", "*/*", "application/json": // what most clients send
		return Format{}, nil
	}
	best := mediaRange{option: "Accept"}
	for _, part := range splitList(accept) {
		if r, ok := parseRange(part); ok && (r.quality > best.quality || (r.quality == best.quality && r.rank > best.rank)) {
			best.params, best.rank, best.quality = r.params, r.rank, r.quality
		}
	}
	return best.format()
}

// The ranks of media ranges that include JSON, by how specific they are.
const (
	noRank = iota
	anyRank
	applicationRank
	jsonRank
)

var ranks = map[string]int{"*/*": anyRank, "application/*": applicationRank, "application/json": jsonRank}

// mediaRange is one element of an Accept header, or a $format.
type mediaRange struct {
	option  string // where it was given
	rank    int
	quality float64
	params  map[string]string
}

// parseRange reads one media range; ok is false if it does not include JSON, is refused by q=0, or cannot be read.
func parseRange(text string) (r mediaRange, ok bool) {
	mediaType, params, err := mime.ParseMediaType(text)
	r = mediaRange{rank: ranks[mediaType], params: params, quality: 1}
	if err != nil || r.rank == noRank {
		return r, false
	}
	if q, given := params["q"]; given {
		if r.quality, err = strconv.ParseFloat(q, 64); err != nil || !(r.quality > 0 && r.quality <= 1) {
			return r, false
		}
	}
	return r, true
}

// format reads the parameters; mime has put their names in lower case. Without prefix "odata." they are of OData 4.01,
// "odata" alone is of OData 3.
func (r mediaRange) format() (f Format, err error) {
	for _, name := range []string{"odata.metadata", "metadata", "odata"} {
		value, given := r.params[name]
		if !given {
			continue
		}
		if name == "odata" {
			value = map[string]string{"minimalmetadata": "minimal", "nometadata": "none", "fullmetadata": "full"}[strings.ToLower(value)]
		}
		metadata, known := metadataFrom(value)
		if !known {
			return Format{}, errorf(Unsupported, r.option, "The %s parameter '%s=%s' is not supported. Use odata.metadata=none, minimal or full.",
				r.option, name, clip(r.params[name]))
		}
		f.Metadata = metadata
		break
	}
	switch value := strings.ToLower(r.params["ieee754compatible"]); value {
	case "true":
		f.IEEE754 = true
	case "", "false":
	default:
		return Format{}, errorf(Unsupported, r.option, "The %s parameter 'IEEE754Compatible=%s' is not supported. Use true or false.", r.option, clip(value))
	}
	return f, nil
}

func metadataFrom(value string) (Metadata, bool) {
	for i, name := range metadataNames {
		if strings.EqualFold(value, name) {
			return Metadata(i), true
		}
	}
	return Minimal, false
}

// splitList cuts a header's list at the commas outside quoted strings (RFC 9110 section 5.6.1).
func splitList(list string) []string {
	var parts []string
	quoted, start := false, 0
	for i := range len(list) {
		switch {
		case list[i] == '"' && (i == 0 || list[i-1] != '\\'):
			quoted = !quoted
		case list[i] == ',' && !quoted:
			parts, start = append(parts, list[start:i]), i+1
		}
	}
	return append(parts, list[start:])
}
