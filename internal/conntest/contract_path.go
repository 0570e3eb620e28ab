package conntest

import (
	"net/url"
	"strings"
)

// splitTarget cuts a path into segments: name('key') is two, and an action has its plain name. What no path of a description
// can match becomes a segment of its own.
func splitTarget(path string) []string {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	var segments []string
	for part := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(part)
		if err != nil || plain == "" {
			plain = "//" + part
		}
		if name, key, keyed := strings.Cut(plain, "("); keyed && name != "" && strings.HasSuffix(key, ")") {
			segments = append(segments, name, strings.Trim(strings.TrimSuffix(key, ")"), "'"))
			continue
		}
		for _, prefix := range []string{"microsoft.graph.", "graph."} {
			if len(plain) > len(prefix) && strings.EqualFold(plain[:len(prefix)], prefix) {
				plain = plain[len(prefix):]
				break
			}
		}
		segments = append(segments, plain)
	}
	return segments
}
