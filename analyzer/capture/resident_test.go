package capture

import (
	"os"
	"runtime"
	"testing"
)

func TestParseStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       resident
	}{
		{"as Linux has it", "Name:\tserver\nVmPeak:\t 1234 kB\nVmRSS:\t    5120 kB\nRssAnon:\t    2048 kB\nRssFile:\t    3072 kB\n", resident{5 << 20, 2 << 20}},
		{"an old kernel without the parts", "VmRSS:\t 5120 kB\n", resident{5 << 20, 0}},
		{"a name that looks like one", "Name:\tVmRSS: 7 kB\nVmRSS:\t1 kB\n", resident{1024, 0}},
		{"a unit that is not known", "VmRSS:\t5120 MB\nRssAnon:\t4 pages\n", resident{}},
		{"a number that is none", "VmRSS:\t-1 kB\nRssAnon:\t99999999999999999999 kB\n", resident{}},
		{"a number that would overflow", "VmRSS:\t18446744073709551615 kB\n", resident{}},
		{"a kernel's thread", "Name:\tkthreadd\nThreads:\t1\n", resident{}},
		{"nothing", "", resident{}},
	} {
		if got := parseStatus([]byte(c.text)); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte("VmRSS:\t    5120 kB\nRssAnon:\t    2048 kB\n"))
	f.Add([]byte("VmRSS:"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r := parseStatus(b); r.all%1024 != 0 || r.anon%1024 != 0 {
			t.Errorf("%q: %+v is no number of KiB", b, r)
		}
	})
}

func TestResidentMemoryOfThisProcess(t *testing.T) {
	t.Parallel()
	r := residentOf(os.Getpid())
	if runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	if r.all < 1<<20 || r.anon == 0 || r.anon > r.all {
		t.Errorf("%+v: want some MiB, a part of it anonymous", r)
	}
}
