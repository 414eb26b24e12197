package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of heapdrift and of Go",
		Args:  exactly(),
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintln(a.out, version()) // out keeps the error
			return nil
		},
	}
}

// version is what the build says of itself: module version, revision, Go.
func version() string {
	module, revision := releaseOf()
	if revision != "" {
		revision = " " + revision
	}
	return fmt.Sprintf("heapdrift %s%s %s %s/%s", module, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// releaseOf is the module's version, and the revision where the build knows it.
func releaseOf() (module, revision string) {
	module = "(devel)"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return module, ""
	}
	if info.Main.Version != "" {
		module = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value[:min(12, len(s.Value))]
		}
	}
	return module, revision
}
