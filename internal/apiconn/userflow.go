package apiconn

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// UserFlowKind tells the user flows of workforce tenants from those of Azure AD B2C.
type UserFlowKind string

// The kinds of user flow.
const (
	B2X UserFlowKind = "b2x" // b2xIdentityUserFlow
	B2C UserFlowKind = "b2c" // b2cIdentityUserFlow
)

// Prefix is what the ids of the kind's flows begin with (contract 2.8).
func (k UserFlowKind) Prefix() string { return strings.ToUpper(string(k)) + "_1_" }

// UserFlow is an identityUserFlow and the connectors it calls.
type UserFlow struct {
	TenantID     string // the partition; a flow is invisible outside it
	Kind         UserFlowKind
	ID           string            // begins with Kind.Prefix()
	Type         string            // userFlowType
	TypeVersion  float32           // userFlowTypeVersion
	ConnectorIDs map[string]string // the ids of the linked connectors, by the name of their Step

	LanguageCustomization bool   // isLanguageCustomizationEnabled; B2C only
	DefaultLanguage       string // defaultLanguageTag, "" for none; B2C only

	Version   int64 // 1 on creation, +1 with each change; the ETag is made of it
	CreatedAt time.Time
	ChangedAt time.Time
}

// MaxUserFlowName is how many characters the id of a user flow may have behind its prefix. Nobody documents a limit.
const MaxUserFlowName = 64

// The shapes of names and languages. The grammar of RFC 5646 section 2.1 is narrower; what it leaves out harms nobody.
var (
	userFlowName = regexp.MustCompile(`^[0-9A-Za-z_-]+$`)
	languageTag  = regexp.MustCompile(`^[A-Za-z]{1,8}(-[0-9A-Za-z]{1,8})*$`)
)

// maxLanguageTag is the length that RFC 5646 section 4.4.1 asks for at the least.
const maxLanguageTag = 35

// UserFlowID makes the id of a flow of what a client called it, with the prefix (in any case) or without it.
func UserFlowID(kind UserFlowKind, given string) (string, error) {
	const field = "id"
	prefix, name := kind.Prefix(), given
	if len(given) >= len(prefix) && strings.EqualFold(given[:len(prefix)], prefix) {
		name = given[len(prefix):]
	}
	switch {
	case name == "":
		return "", RequiredValue(field)
	case len(name) > MaxUserFlowName:
		return "", Invalidf(field, "The value of 'id' is longer than %d characters without its prefix. Choose a shorter name.", MaxUserFlowName)
	case !userFlowName.MatchString(name):
		return "", Invalidf(field, "The value of 'id' may have letters, digits, '_' and '-' only. Choose another name.")
	}
	return prefix + name, nil
}

// userFlowTypes are the values of userFlowType that a kind can be created with, as its page says.
var userFlowTypes = map[UserFlowKind][]string{
	B2X: {"signUpOrSignIn"},
	B2C: {"signUp", "signIn", "signUpOrSignIn", "passwordReset", "profileUpdate", "resourceOwner"},
}

// maxUserFlowTypeVersion is the newest version that Azure AD B2C has; B2X flows have version 1 only (contract 2.8).
const maxUserFlowTypeVersion = 3

// Validate checks what a client chooses of a flow beside its id and its connectors.
func (f UserFlow) Validate() error {
	if types := userFlowTypes[f.Kind]; !slices.Contains(types, f.Type) {
		return Invalidf("userFlowType", "The value of 'userFlowType' is not supported. Give one of: %s.", strings.Join(types, ", "))
	}
	switch {
	case f.Kind == B2X && f.TypeVersion != 1:
		return Invalidf("userFlowTypeVersion", "The value of 'userFlowTypeVersion' must be 1.")
	case f.TypeVersion < 1 || f.TypeVersion > maxUserFlowTypeVersion:
		return Invalidf("userFlowTypeVersion", "The value of 'userFlowTypeVersion' must be a number from 1 to %d.", maxUserFlowTypeVersion)
	case f.DefaultLanguage != "" && (len(f.DefaultLanguage) > maxLanguageTag || !languageTag.MatchString(f.DefaultLanguage)):
		return Invalidf("defaultLanguageTag", "The value of 'defaultLanguageTag' is not a language tag. Give one such as en or pt-BR (RFC 5646).")
	}
	return nil
}
