package lab

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

func TestAChildEndsOnSIGTERM(t *testing.T) {
	t.Parallel()
	c := startChild(t, "closure", Fixed, DefaultMaxHeap)
	if c.MemoryCap != DefaultMaxHeap || c.PID != c.cmd.Process.Pid {
		t.Errorf("the child says %+v, its PID is %d", c.Ready, c.cmd.Process.Pid)
	}
	resp, err := c.client.Get(c.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("%s answers %s", c.Metrics, resp.Status)
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("the child ended with %v\n%s", err, &c.stderr)
	}
}

func TestAChildEndsAtItsMemoryCap(t *testing.T) {
	t.Parallel()
	c := startChild(t, "closure", Leaky, 16<<20)
	s, err := Find("closure")
	if err != nil {
		t.Fatal(err)
	}
	// 36 KB a document: at most a few thousand until the child ends.
	if err := c.load(t.Context(), s, 0, 100_000); err == nil {
		t.Error("the child took 3.6 GB under a cap of 16 MiB")
	}
	var exit *exec.ExitError
	if err := c.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("the child ended with %v, want exit status 1", err)
	}
	if got := c.stderr.String(); !strings.Contains(got, "memory cap of 16 MiB") {
		t.Errorf("the child's last words are %q", got)
	}
}

func TestServeSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	whole := ServeConfig{Scenario: "closure", Variant: "fixed", DataDir: t.TempDir(), Ready: io.Discard}
	tests := map[string]func(*ServeConfig){
		`no scenario "x"`:     func(c *ServeConfig) { c.Scenario = "x" },
		`variant "x"`:         func(c *ServeConfig) { c.Variant = "x" },
		"no folder was given": func(c *ServeConfig) { c.DataDir = "" },
		"listen for the API":  func(c *ServeConfig) { c.Addr = taken.Addr().String() },
		"listen for pprof":    func(c *ServeConfig) { c.PprofAddr = taken.Addr().String() },
		"announce the child":  func(c *ServeConfig) { c.Ready = brokenPipe{} },
	}
	for want, change := range tests {
		cfg := whole
		change(&cfg)
		if err := Serve(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestServeEndsWithItsInput(t *testing.T) {
	t.Parallel()
	for name, stdin := range map[string]io.Reader{
		"at its end":   strings.NewReader("what it says does not matter"),
		"at its error": iotest.ErrReader(errors.New("broken")),
	} {
		var ready bytes.Buffer
		cfg := ServeConfig{Scenario: "stuckreceive", Variant: "leaky", DataDir: t.TempDir(), Ready: &ready, Stdin: stdin}
		if err := Serve(t.Context(), cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Count(ready.String(), "\n") != 1 {
			t.Errorf("%s: announced %q, want one line", name, ready.String())
		}
	}
}
