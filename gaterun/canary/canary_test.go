package canary

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnUnknownAmountIsRefused(t *testing.T) {
	t.Parallel()
	if err := Serve(t.Context(), Config{PerOp: -1}); err == nil {
		t.Error("a canary that keeps -1 B/op is served")
	}
}

func TestItServesUntilItsInputEnds(t *testing.T) {
	t.Parallel()
	in, closeIn := io.Pipe()
	out, announce := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve(context.Background(), Config{PerOp: 16, Ready: announce, Stdin: in}) }()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var ready lab.Ready
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, url := range []string{ready.URL, ready.Pprof + "/heap?debug=1"} {
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || len(body) == 0 {
			t.Errorf("%s: status %d, %d bytes, %v", url, res.StatusCode, len(body), err)
		}
	}
	closeIn.Close()
	if err := <-done; err != nil {
		t.Errorf("it ended with %v; want no error", err)
	}
}
