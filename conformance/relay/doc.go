// Relay stands between a client and a started Patchbay, for clients that cannot be pointed elsewhere and for checks that need
// a fault on the way:
//
//	relay --to https://localhost:8443 --ca ca.pem --map graph.microsoft.com:443 --map login.microsoftonline.com:443
//
// It prints one line of JSON when it is ready, {"url": …, "proxy": …, "ca": …}, and serves until it is told to end:
//
//   - url is an HTTPS front, https://localhost:PORT, that forwards to the server;
//   - proxy is a CONNECT proxy, http://127.0.0.1:PORT, that leads the hosts of --map to that same front and refuses all others;
//   - ca is a PEM file with the certificate authority that Relay made for the front and those hosts, and that of the server:
//     a client that trusts it may talk to both. It is removed when Relay ends.
//
// A request is forwarded in the protocol that it came in, HTTP/1.1 or HTTP/2, with its target, its Host, its headers and its
// body octet for octet, compressed or not, chunked or not; so is its answer. Only what concerns one connection (Connection and
// the like) ends here, and HTTP/1.1 headers arrive in another order and in their canonical case.
//
// /__relay, on the front and on the proxy's own port, is for the checks:
//
//	POST {"status": 503, "retryAfter": 1, "times": 1}           the next request is answered 503 with Retry-After: 1
//	POST {"redirect": "https://nowhere.invalid/", "times": 1}   the next request is answered 302 with that Location
//	GET                                                         what was seen
//	DELETE                                                      to forget that, and the faults that have not been met
//
// A fault may have a "path" that the request's path begins with (/v1.0/ unless given, so that tokens are not concerned), a
// "method", a "status", and a JSON "body"; a negative "times" is for ever. What is shown of a request is its method, host,
// target, protocol, status and headers, of which Authorization and Cookie are reduced to their first word.
package main
