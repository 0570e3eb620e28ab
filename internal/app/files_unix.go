//go:build unix

package app

import (
	"io/fs"
	"syscall"
)

// isCredential tells whether a file is as systemd (254 and newer) hands a credential to a service that is not root: owned by root, not
// writable, and opened to that one user by an access control list, which shows as permission of the group, which is root's.
func isCredential(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 && stat.Gid == 0 && info.Mode().Perm() == 0o440
}
