package app

import (
	"runtime"
	"runtime/debug"
)

// BuildInfo says what this binary was built from.
type BuildInfo struct {
	Version   string `json:"version"`
	Revision  string `json:"revision,omitempty"`
	Modified  bool   `json:"modified,omitempty"`
	GoVersion string `json:"go_version"`
	Platform  string `json:"platform"`
}

// Build returns the build information that the Go toolchain put into the binary. stamped is the version that the
// release build set, "" for none.
func Build(stamped string) BuildInfo {
	b := BuildInfo{Version: "development", GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			b.Version = v
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	if stamped != "" {
		b.Version = stamped
	}
	return b
}
