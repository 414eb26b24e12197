package snapshot

import (
	"bytes"
	"errors"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseDump(t *testing.T) {
	t.Parallel()
	const text = `goroutine 1 [running]:
main.main()
	/src/app/main.go:9 +0x1d

goroutine 18 gp=0xc000102c40 m=nil [chan receive (leaked), 12 minutes, locked to thread] {tenant: a}:
example.com/app.(*Pool).work(0xc000012345, {0x1, 0x2}, (*int)(0x3))
	/src/app/a dir/pool.go:31 +0x2f
created by example.com/app.Start[...] in goroutine 1
	/src/app/pool.go:20 +0x45

goroutine 19 [select]:
example.com/app.wait(...)
	C:/src/app/wait.go:7
...additional frames elided...
created by example.com/app.Begin
	/src/app/wait.go:3
`
	want := []Waiting{
		{Reason: "running", Stack: []Frame{{"main.main", "/src/app/main.go", 9}}},
		{Reason: "chan receive", For: 12 * time.Minute, Stack: []Frame{{"example.com/app.(*Pool).work", "/src/app/a dir/pool.go", 31}}, CreatedBy: Frame{"example.com/app.Start[...]", "/src/app/pool.go", 20}},
		{Reason: "select", Stack: []Frame{{"example.com/app.wait", "C:/src/app/wait.go", 7}}, CreatedBy: Frame{"example.com/app.Begin", "/src/app/wait.go", 3}},
	}
	got, err := ParseDump(strings.NewReader(text))
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("error %v, diff %s", err, cmp.Diff(want, got))
	}
	if _, err := ParseDump(strings.NewReader("<html>\n")); !errors.Is(err, ErrNoDump) {
		t.Errorf("HTML: error %v, want ErrNoDump", err)
	}
}

// What this toolchain writes is what is read.
func TestParseDumpOfThisProcess(t *testing.T) {
	t.Parallel()
	stop, begun := make(chan struct{}), make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		close(begun)
		<-stop
	}()
	<-begun
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
		t.Fatal(err)
	}
	close(stop)
	<-ended
	all, err := ParseDump(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		if n := len(w.Stack); n > 0 && strings.HasSuffix(w.Stack[n-1].Function, "TestParseDumpOfThisProcess.func1") {
			if !strings.HasSuffix(w.CreatedBy.Function, "snapshot.TestParseDumpOfThisProcess") || w.CreatedBy.Line == 0 || !strings.HasSuffix(w.CreatedBy.File, "dump_test.go") {
				t.Errorf("created by %+v, want this test", w.CreatedBy)
			}
			return
		}
	}
	t.Errorf("the goroutine of this test is not among %d", len(all))
}

func FuzzParseDump(f *testing.F) {
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("goroutine 1 [select, 3 minutes]:\na.b(c(d)\n\tx.go:1\ncreated by z in goroutine 2\n\ty.go:-1 +0x1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := ParseDump(bytes.NewReader(data))
		if (err == nil) != (len(all) > 0) || len(all) > MaxDumped {
			t.Fatalf("%d goroutines, error %v", len(all), err)
		}
		for _, w := range all {
			if w.For < 0 || w.CreatedBy.Line < 0 {
				t.Fatalf("%+v", w)
			}
			for _, fr := range w.Stack {
				if fr.Line < 0 || fr.Function == "" {
					t.Fatalf("frame %+v", fr)
				}
			}
		}
	})
}
