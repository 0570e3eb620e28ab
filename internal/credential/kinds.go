package credential

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// kind is an authentication type.
type kind struct {
	name   string // the Graph type as clients write it
	stored string // the Graph type it is kept and shown as
	// read checks all that does not depend on what is stored; nil: the type cannot be read on its own.
	read func(ctx context.Context, in share, b body, now time.Time) (Proposal, error)
	// show gives the members that a reader sees; nil: no configuration is ever kept as this type.
	show func(a apiconn.Authentication, now time.Time) Object
}

// kinds has a row for each authentication type. To add one, add a file and a row.
var kinds = []kind{
	{name: typeBasic, stored: typeBasic, read: basicMembers.read, show: basicMembers.show},
	{name: typePKCS12, stored: typeClientCertificate, read: readPKCS12},
	{name: typeClientCertificate, stored: typeClientCertificate, read: readClientCertificate, show: showClientCertificate},
}

// configuration is where the members of an authenticationConfiguration stand, for the Field of errors.
const configuration = "authenticationConfiguration/"

// Read checks an authenticationConfiguration of a POST or a PATCH as far as it can be checked without what is stored.
// A PKCS#12 file is opened, which may take up to a second or two of CPU, and may wait for its turn, behind
// other files of the tenant and for a free slot, until ctx ends (Throttled). Everything else that is wrong is Invalid (contract sections 2.4, 2.5 and 8).
func (in *Intake) Read(ctx context.Context, tenant string, g Given, now time.Time) (Proposal, error) {
	k, err := kindNamed(g.Type)
	if err != nil {
		return Proposal{}, err
	}
	return k.read(ctx, share{in, tenant}, body{members: g.Members, path: configuration}, now)
}

// Proposal is a Given that was found to be in order by itself.
type Proposal struct {
	against func(current *apiconn.Authentication) (Change, error)
}

// Against tells what the proposal changes in the stored configuration; current is nil when a connector is created. It
// costs nothing, changes nothing, and may be called again with another current.
func (p Proposal) Against(current *apiconn.Authentication) (Change, error) {
	if p.against == nil {
		return Change{}, apiconn.Errorf(apiconn.Internal, "The authentication configuration was not read.")
	}
	return p.against(current)
}

// Show returns what a reader sees of a at now: every secret as Mask, isActive as of now (contract sections 2.3 and 2.5).
// A type that is not known, which only a newer version could have written, is shown without members.
func Show(a apiconn.Authentication, now time.Time) Shown {
	for _, k := range kinds {
		if k.name == a.Type && k.show != nil {
			return Shown{Type: k.name, Members: k.show(a, now)}
		}
	}
	return Shown{Type: a.Type}
}

// kindNamed finds the kind that an @odata.type names: with or without '#', with "microsoft.graph.", the alias "graph." or
// neither, in any case (contract section 2.4).
func kindNamed(odataType string) (kind, error) {
	const field = configuration + "@odata.type"
	if odataType == "" {
		return kind{}, &apiconn.Error{
			Kind: apiconn.Invalid, Reason: apiconn.ReasonRequired, Field: field,
			Message: "The authenticationConfiguration must have @odata.type: its base type is abstract. Give one of " + accepted() + ".",
		}
	}
	name := strings.TrimPrefix(odataType, "#")
	for _, prefix := range []string{"microsoft.graph.", "graph."} {
		if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			name = name[len(prefix):]
			break
		}
	}
	i := slices.IndexFunc(kinds, func(k kind) bool { return strings.EqualFold(k.name, name) })
	if i < 0 {
		return kind{}, apiconn.Invalidf(field, "The type '%s' is not an authentication configuration that can be set. Give one of %s.",
			clip(odataType), accepted())
	}
	return kinds[i], nil
}

// accepted lists the types that a client may set.
func accepted() string {
	return fmt.Sprintf("#microsoft.graph.%s, #microsoft.graph.%s", typeBasic, typePKCS12)
}
