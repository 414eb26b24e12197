package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// childEnv makes the test binary a child that serves "scenario variant cap".
const childEnv = "HEAPDRIFT_LAB_TEST_CHILD"

func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv(childEnv)); len(args) == 3 {
		os.Exit(serveChild(args))
	}
	goleak.VerifyTestMain(m,
		// What the leaky variants leak when they are tried in this process.
		goleak.IgnoreAnyFunction("github.com/heapdrift/heapdrift/leakscenarios/closure.(*Stage).Embed.func1"),
		goleak.IgnoreAnyFunction("github.com/heapdrift/heapdrift/leakscenarios/stuckreceive.(*Stage).worker"),
		goleak.IgnoreAnyFunction("github.com/heapdrift/heapdrift/leakscenarios/stucksend.(*Stage).send"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), // of body
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
	)
}

func serveChild(args []string) int {
	limit, err := strconv.ParseInt(args[2], 10, 64)
	if err == nil {
		err = Serve(context.Background(), ServeConfig{
			Scenario: args[0], Variant: args[1], MaxHeap: limit,
			DataDir: os.Getenv(childEnv + "_DATA"), Ready: os.Stdout, Stdin: os.Stdin,
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// child is a variant in a process of its own.
type child struct {
	Ready
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr bytes.Buffer
	client *http.Client
}

func startChild(t *testing.T, scenario string, v Variant, maxHeap int64) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{
		cmd:    exec.CommandContext(t.Context(), exe),
		client: &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second},
	}
	c.cmd.Env = append(os.Environ(),
		fmt.Sprintf("%s=%s %s %d", childEnv, scenario, v, maxHeap),
		childEnv+"_DATA="+t.TempDir(),
		"GODEBUG=memprofilerate=16384") // at the default rate 200 documents may leave no sample
	c.cmd.Stderr = &c.stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.client.CloseIdleConnections)
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &c.Ready)
	}
	if err != nil {
		t.Fatalf("the child's first line %q: %v\n%s", line, err, &c.stderr)
	}
	return c
}

// stop closes the child's standard input and returns how it ended.
func (c *child) stop() error {
	_ = c.stdin.Close()
	return c.cmd.Wait()
}

// load sends the operations [from, to) of a scenario, one after the other: what
// is kept may depend on the order in which they come, as with the documents of
// body, of which each eighth to arrive is kept.
func (c *child) load(ctx context.Context, s Scenario, from, to int64) error {
	for seq := from; seq < to; seq++ {
		if err := c.operation(ctx, s, seq); err != nil {
			return err
		}
	}
	return nil
}

func (c *child) operation(ctx context.Context, s Scenario, seq int64) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(s.Body(seq)))
	if err != nil {
		return err
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("operation %d: %s: %s", seq, resp.Status, answer)
	}
	return err
}

// counters are what a child holds after two garbage collections.
type counters struct{ heap, goroutines float64 }

func (c *child) counters(t *testing.T) counters {
	t.Helper()
	c.get(t, "/heap?gc=1&debug=1")
	return counters{
		heap:       number(t, c.get(t, "/heap?gc=1&debug=1"), `(?m)^# HeapAlloc = (\d+)`),
		goroutines: number(t, c.get(t, "/goroutine?debug=1"), `total (\d+)`),
	}
}

func (c *child) get(t *testing.T, path string) string {
	t.Helper()
	resp, err := c.client.Get(c.Pprof + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func number(t *testing.T, s, pattern string) float64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(s)
	if m == nil {
		t.Fatalf("there is no %s in %.200s", pattern, s)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
