package odata

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// The bounds of a skip token.
const (
	MaxSkipTokenBytes = 8 << 10 // characters of the token
	maxSkipTokenParts = 16
)

// skipTokenVersion is the first byte of a token. A change of what a position means must change it.
const skipTokenVersion = 1

// skipTokenText is the alphabet of a token: it needs no escaping in a URL.
var skipTokenText = base64.RawURLEncoding.Strict()

// EncodeSkipToken packs the position of a page into an opaque $skiptoken. It is neither secret nor signed: a reader may
// unpack it, and whoever decodes it must check the parts as it checks any input. More than 16 parts, more than about
// 6,000 bytes of them, or one with bytes that are not UTF-8 or are NUL, make a token that DecodeSkipToken refuses.
func EncodeSkipToken(parts []string) string {
	packed := []byte{skipTokenVersion}
	for _, part := range parts {
		packed = binary.AppendUvarint(packed, uint64(len(part)))
		packed = append(packed, part...)
	}
	packed = binary.BigEndian.AppendUint32(packed, crc32.ChecksumIEEE(packed))
	return skipTokenText.EncodeToString(packed)
}

// DecodeSkipToken unpacks what EncodeSkipToken made. A token that was cut, altered or made by another version is an
// *Error with Option "$skiptoken" and Problem Syntax; one that is too long, Limit.
func DecodeSkipToken(token string) ([]string, error) {
	if len(token) > MaxSkipTokenBytes {
		return nil, errorf(Limit, "$skiptoken", "The $skiptoken is longer than %d characters. Follow @odata.nextLink as it was given, or start again without it.", MaxSkipTokenBytes)
	}
	parts, ok := unpackSkipToken(token)
	// Made again, the token must be the same: that proves its version, its checksum and its spelling (the base64 decoder
	// skips line breaks) at once.
	if !ok || EncodeSkipToken(parts) != token {
		return nil, errorf(Syntax, "$skiptoken", "The $skiptoken is not valid. Follow @odata.nextLink as it was given, or start again without it.")
	}
	return parts, nil
}

// unpackSkipToken takes the parts out of a token and leaves its version and checksum unlooked at.
func unpackSkipToken(token string) (parts []string, ok bool) {
	packed, err := skipTokenText.DecodeString(token)
	if err != nil || len(packed) < 1+crc32.Size {
		return nil, false
	}
	for rest := packed[1 : len(packed)-crc32.Size]; len(rest) > 0; {
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n) || len(parts) == maxSkipTokenParts {
			return nil, false
		}
		end := n + int(length)
		part := string(rest[n:end])
		if !isStorable(part) {
			return nil, false
		}
		parts, rest = append(parts, part), rest[end:]
	}
	return parts, true
}
