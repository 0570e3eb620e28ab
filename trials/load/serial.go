package load

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/patchbay/patchbay/trials/wire"
)

// Serial numbers the writes of a load; each is used once.
type Serial int64

// Absent is what a deleted connector is in, in the place of a write.
const Absent Serial = 0

// String is the number, or "absent".
func (s Serial) String() string {
	if s == Absent {
		return "absent"
	}
	return strconv.FormatInt(int64(s), 10)
}

// The parts of a write before its number.
const (
	namePrefix     = "Trial "
	usernamePrefix = "user "
	passwordPrefix = "password "
)

// connector is the connector as the write s leaves it; base is the URL of the target.
func (s Serial) connector(base string) wire.Connector {
	return wire.Connector{
		DisplayName:    namePrefix + s.String(),
		TargetURL:      base + "/" + s.String(),
		Authentication: wire.Basic(usernamePrefix+s.String(), passwordPrefix+s.String()),
	}
}

// serialOf tells which write a connector is in. An error says that it is in no write wholly.
func serialOf(c wire.Connector) (Serial, error) {
	url := c.TargetURL[strings.LastIndex(c.TargetURL, "/")+1:]
	return sameSerial(strings.TrimPrefix(c.DisplayName, namePrefix), url, strings.TrimPrefix(c.Username(), usernamePrefix))
}

// sameSerial is the number that all parts of a write have.
func sameSerial(parts ...string) (Serial, error) {
	number, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || number <= 0 {
		return Absent, fmt.Errorf("its parts are of no write: %.200q", parts)
	}
	for _, part := range parts {
		if part != parts[0] {
			return Absent, fmt.Errorf("its parts are of different writes: %.200q", parts)
		}
	}
	return Serial(number), nil
}

// Pick is a random number from 0 to below n.
func Pick(n int) int {
	var octets [8]byte
	_, _ = rand.Read(octets[:]) // never fails
	return int(binary.BigEndian.Uint64(octets[:]) >> 1 % uint64(n))
}
