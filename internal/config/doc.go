// Package config is the settings of Patchbay: one table (see table.go) from which the flags, the environment variables,
// the keys of the settings file and docs/config.md all follow.
//
// A flag wins over the environment, the environment over the file, the file over the default. The package reads and
// checks text; it opens no key, no database and no socket, and it imports no other package of this module.
package config
