package capture

import (
	"debug/buildinfo"
	"fmt"
)

// DescribeBinary tells which Go version built an executable and its main
// module: what pprof does not serve. /proc/PID/exe is a path too.
func DescribeBinary(path string) (goVersion, module string, err error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", "", fmt.Errorf("read the build information of %s: %w; the verdict goes on without Go version and module", path, err)
	}
	module = info.Main.Path
	if module == "" {
		module = info.Path
	}
	return info.GoVersion, module, nil
}
