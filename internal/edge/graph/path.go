package graph

import (
	"net/url"
	"strings"
)

// maxSegments bounds a path; the deepest that Graph has for this family is seven.
const maxSegments = 32

// segment is one step of a path after normalisation: a name, or a key where key is set.
type segment struct {
	text string
	key  bool // came as ('text') or (text) behind a name: can only be a key, never a name
}

// splitPath cuts an escaped URL path, which begins behind the version's slash, into segments as OData reads them (OData
// 4.01 URL conventions, section 4): each is percent-decoded by itself, one trailing slash is ignored, and name('key')
// becomes a name and a key. It reports false for a path that no resource can have: bad escapes, empty segments,
// unbalanced parentheses, too many segments.
func splitPath(escaped string) ([]segment, bool) {
	if escaped == "" {
		return nil, true
	}
	escaped = strings.TrimSuffix(escaped, "/")
	parts := strings.Split(escaped, "/")
	if len(parts) > maxSegments {
		return nil, false
	}
	segments := make([]segment, 0, len(parts)+1)
	for _, part := range parts {
		text, err := url.PathUnescape(part)
		if err != nil || text == "" {
			return nil, false
		}
		name, key, hasKey, ok := cutKey(text)
		if !ok {
			return nil, false
		}
		segments = append(segments, segment{text: name})
		if hasKey {
			segments = append(segments, segment{text: key, key: true})
		}
	}
	return segments, true
}

// cutKey splits "apiConnectors('id')" into its name and its key; a quote inside the key is doubled. A segment without a
// closing parenthesis at its end, or with nothing before the opening one, is a plain segment.
func cutKey(text string) (name, key string, hasKey, ok bool) {
	open := strings.IndexByte(text, '(')
	if open <= 0 || !strings.HasSuffix(text, ")") {
		return text, "", false, true
	}
	name, key = text[:open], text[open+1:len(text)-1]
	if len(key) >= 2 && key[0] == '\'' && key[len(key)-1] == '\'' {
		inner := key[1 : len(key)-1]
		plain := strings.ReplaceAll(inner, "''", "'")
		if strings.Count(inner, "'") != 2*strings.Count(plain, "'") {
			return "", "", false, false
		}
		key = plain
	}
	if key == "" {
		return "", "", false, false
	}
	return name, key, true, true
}

// unqualified strips the namespace or its alias from a qualified operation name: microsoft.graph.uploadClientCertificate,
// graph.uploadClientCertificate (contract 2.1).
func unqualified(name string) string {
	for _, prefix := range []string{"microsoft.graph.", "graph."} {
		if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return name[len(prefix):]
		}
	}
	return name
}

// node is one place in the tree of routes.
type node struct {
	names   map[string]*node // by lower-case name; path segment names are case-insensitive (contract 2.1)
	actions map[string]*node // likewise, and may be qualified
	key     *node
	route   *route
}

// tree builds the tree of the routes that exist in a version of a cloud.
func tree(routes []route, cloud Cloud, version string) *node {
	root := &node{}
	for i := range routes {
		if r := &routes[i]; r.in(cloud, version) {
			root.add(r)
		}
	}
	return root
}

func (n *node) add(r *route) {
	segments := strings.FieldsFunc(r.path, func(c rune) bool { return c == '/' })
	for i, s := range segments {
		switch {
		case strings.HasPrefix(s, "{"):
			if n.key == nil {
				n.key = &node{}
			}
			n = n.key
		case r.action && i == len(segments)-1:
			n = child(&n.actions, s)
		default:
			n = child(&n.names, s)
		}
	}
	n.route = r
}

func child(m *map[string]*node, name string) *node {
	if *m == nil {
		*m = map[string]*node{}
	}
	name = strings.ToLower(name)
	if (*m)[name] == nil {
		(*m)[name] = &node{}
	}
	return (*m)[name]
}

// find walks segments down the tree. It returns the route and the keys met on the way, or the text of the first segment
// that is not there.
func (n *node) find(segments []segment) (r *route, keys []string, missing string) {
	for _, s := range segments {
		next := n.step(s)
		if next == nil {
			return nil, nil, s.text
		}
		if next == n.key {
			keys = append(keys, s.text)
		}
		n = next
	}
	if n.route == nil { // the way to a resource, and none itself
		return nil, nil, segments[len(segments)-1].text
	}
	return n.route, keys, ""
}

func (n *node) step(s segment) *node {
	if !s.key {
		if next := n.names[strings.ToLower(s.text)]; next != nil {
			return next
		}
		if next := n.actions[strings.ToLower(unqualified(s.text))]; next != nil {
			return next
		}
		if strings.HasPrefix(s.text, "$") { // $ref, $value: OData's own names are keys in quotes only
			return nil
		}
	}
	return n.key
}
