// Package odata is the protocol room: OData 4.0 and the parts of 4.01 that Microsoft Graph speaks. It reads query
// options, $filter texts, Accept headers, JSON objects and skip tokens, and it writes entities and collections.
//
// It knows no resource, no HTTP status and no Graph error code, does no I/O, and imports nothing else of this module.
// Everything it reads comes from strangers: each parser is bounded in length, depth and count, answers a bad input with
// an *Error, and never quotes a JSON value, because request bodies carry passwords.
//
// Sources: OData 4.01 Part 2 (URL conventions), OData JSON Format 4.01, RFC 8259 (JSON), RFC 9110 section 12.5.1
// (Accept), and sections 2 and 3 of the wire contract.
package odata
