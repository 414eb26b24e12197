package session

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files map[string]string
		want  limits
	}{
		{"nothing is there", nil, limits{}},
		{"an environment", map[string]string{"proc/7/environ": "PATH=/bin\x00GOMEMLIMIT=400MiB\x00GOGC=50\x00"}, limits{400 << 20, 50, 0}},
		{"both off", map[string]string{"proc/7/environ": "GOMEMLIMIT=off\x00GOGC=off\x00"}, limits{0, -1, 0}},
		{"what the runtime refuses", map[string]string{"proc/7/environ": "GOMEMLIMIT=400MB\x00GOGC=fast\x00"}, limits{}},
		{"the first of two", map[string]string{"proc/7/environ": "GOGC=30\x00GOGC=60\x00"}, limits{0, 30, 0}},
		{"another's variable", map[string]string{"proc/7/environ": "MY_GOMEMLIMIT=1GiB\x00GOMEMLIMIT\x00"}, limits{}},
		{
			"one unified hierarchy: the least along the path",
			map[string]string{
				"proc/7/cgroup":                            "0::/kube.slice/pod1/app\n",
				"sys/fs/cgroup/kube.slice/memory.max":      "4294967296\n",
				"sys/fs/cgroup/kube.slice/pod1/memory.max": "536870912\n", "sys/fs/cgroup/kube.slice/pod1/app/memory.max": "max\n",
			},
			limits{Cgroup: 512 << 20},
		},
		{
			"in a container with a name space of its own",
			map[string]string{"proc/7/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n"},
			limits{Cgroup: 256 << 20},
		},
		{
			"the first version",
			map[string]string{
				"proc/7/cgroup": "9:name=systemd:/\n4:cpu,memory:/docker/ab\n1:cpuset:/\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes": "1073741824\n",
			},
			limits{Cgroup: 1 << 30},
		},
		{
			"the first version in a container: the machine's path is not there",
			map[string]string{"proc/7/cgroup": "4:memory:/docker/ab\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n"},
			limits{Cgroup: 1 << 30},
		},
		{
			"both versions at once",
			map[string]string{
				"proc/7/cgroup": "4:memory:/a\n0::/\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1073741824\n",
				"sys/fs/cgroup/unified/memory.max": "max\n",
			},
			limits{Cgroup: 1 << 30},
		},
		{"no limit anywhere", map[string]string{"proc/7/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, limits{}},
		{"a controller of a like name", map[string]string{"proc/7/cgroup": "4:memoryx:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1024\n"}, limits{}},
		{"a path that leaves the root", map[string]string{"proc/7/cgroup": "0::/../../etc\n", "sys/fs/cgroup/memory.max": "4096\n", "etc/memory.max": "1\n"}, limits{Cgroup: 4096}},
		{"damaged files", map[string]string{"proc/7/cgroup": "0::\n:\nx\n", "sys/fs/cgroup/memory.max": "-5\n"}, limits{}},
	} {
		root := fstest.MapFS{}
		for name, text := range c.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := limitsIn(root, 7); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestParseMemLimit(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{
		"1024": 1024, "512B": 512, "3KiB": 3 << 10, "3MiB": 3 << 20, "3GiB": 3 << 30, "1TiB": 1 << 40,
		"": 0, "off": 0, "0": 0, "-1": 0, "3 MiB": 0, "3mib": 0, "1.5GiB": 0, "9223372036854775807": 1<<63 - 1, "9999999TiB": 0,
	} {
		if got := parseMemLimit(in); got != want {
			t.Errorf("GOMEMLIMIT=%s is %d, want %d", in, got, want)
		}
	}
}

func FuzzLimits(f *testing.F) {
	f.Add([]byte("GOMEMLIMIT=1GiB\x00GOGC=off\x00"), []byte("0::/a/../b\n4:memory:/c\n"), []byte("4096\n"))
	f.Add([]byte("="), []byte("0::"), []byte("max"))
	f.Fuzz(func(t *testing.T, env, groups, limit []byte) {
		root := fstest.MapFS{
			"proc/1/environ": &fstest.MapFile{Data: env}, "proc/1/cgroup": &fstest.MapFile{Data: groups},
			"sys/fs/cgroup/memory.max": &fstest.MapFile{Data: limit},
		}
		if l := limitsIn(root, 1); l.GoMemLimit < 0 || l.Cgroup < 0 || l.GOGC < -1 {
			t.Errorf("limits %+v", l)
		}
	})
}

func TestTheLimitsOfThisProcessCanBeAskedFor(t *testing.T) {
	t.Parallel()
	if l := limitsOf(os.Getpid()); l.GoMemLimit < 0 || l.Cgroup < 0 {
		t.Errorf("%+v", l)
	}
	if l := limitsOf(0); l != (limits{}) {
		t.Errorf("nobody's limits: %+v", l)
	}
}

func TestDescribeBinaryReadsThisTest(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	goVersion, module, err := describeBinary(exe)
	if err != nil || goVersion != runtime.Version() || !strings.HasPrefix(module, "github.com/heapdrift/heapdrift") {
		t.Errorf("go %q, module %q, error %v", goVersion, module, err)
	}
	if _, _, err := describeBinary("process_test.go"); err == nil || !strings.Contains(err.Error(), "process_test.go") {
		t.Errorf("a file that is no binary: %v", err)
	}
}
