//go:build !unix

package app

import "io/fs"

// isCredential tells whether a file comes from systemd, of which there is none here.
func isCredential(fs.FileInfo) bool { return false }
