package metrics

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
	"github.com/heapdrift/heapdrift/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type load struct{}

func (load) Counts() harness.Counts {
	return harness.Counts{Sent: 110, Completed: 100, Errors: 3, Shed: 5, InFlight: 10, Queued: 2}
}
func (load) Latency() harness.Latency {
	return harness.Latency{P50: time.Millisecond, P99: 20 * time.Millisecond, Max: time.Second, Mean: 2 * time.Millisecond, N: 100}
}
func (load) ErrorClasses() map[string]int64 { return map[string]int64{"status 503": 2, "timeout": 1} }

func perOp(v float64) *detect.Rate {
	return &detect.Rate{Interval: stats.Interval{Estimate: v, Lo: v, Hi: v}, Per: detect.PerOp}
}

// full is metrics of which all is known.
func full() *Metrics {
	m := New()
	m.SetLoad(load{}, 250)
	m.SetLive(12345678)
	r := &detect.Result{
		Verdict: detect.RunLeak,
		Totals: []detect.Total{
			{Name: series.LiveBytes, Growth: perOp(80.5), OpsPerSecond: 200},
			{Name: series.Goroutines, Growth: perOp(0.25)},
		},
		Forecast: &detect.Forecast{SecondsToLimit: perOp(3600).Interval},
		Findings: []detect.Finding{
			{Function: "shop.(*Cart).Add", Line: 12, Bytes: perOp(52.9)},
			{Function: "shop.(*Cart).Add", Line: 12, Bytes: perOp(1)}, // another stack, the same line
			{Function: "shop.wait", Line: 3},
		},
	}
	for i := range 30 {
		r.Findings = append(r.Findings, detect.Finding{Function: fmt.Sprintf("f%d", i), Bytes: perOp(1)})
	}
	m.SetResult(r)
	return m
}

// scrape asks over a socket, as Prometheus does.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	where, stop, err := m.Serve("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + where + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("status %d, %v: %s", res.StatusCode, err, body)
	}
	return string(body)
}

func TestWhatIsKnownIsServed(t *testing.T) {
	t.Parallel()
	got := scrape(t, full())
	for _, want := range []string{
		"heapdrift_load_sent_total 110", "heapdrift_load_completed_total 100", "heapdrift_load_shed_total 5",
		`heapdrift_load_errors_total{class="status 503"} 2`, `heapdrift_load_errors_total{class="timeout"} 1`,
		"heapdrift_load_in_flight 10", "heapdrift_load_queued 2", "heapdrift_load_planned_rate 250",
		`heapdrift_load_latency_seconds{quantile="0.99"} 0.02`, "heapdrift_load_latency_seconds_count 100", "heapdrift_load_latency_seconds_sum 0.2",
		"heapdrift_live_heap_bytes 1.2345678e+07", "heapdrift_retained_bytes_per_op 80.5", "heapdrift_leak_slope_bytes_per_second 16100",
		"heapdrift_goroutines_per_op 0.25", "heapdrift_time_to_limit_seconds 3600",
		`heapdrift_verdict{verdict="leak"} 1`, `heapdrift_verdict{verdict="clean"} 0`, `heapdrift_verdict{verdict="inconclusive"} 0`,
		`heapdrift_site_retained_bytes_per_op{site="shop.(*Cart).Add:12"} 52.9`,
	} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "heapdrift_site_retained_bytes_per_op{"); n != maxSites {
		t.Errorf("%d sites, want the worst %d", n, maxSites)
	}
}

func TestWhatIsUnknownIsLeftOut(t *testing.T) {
	t.Parallel()
	if got := scrape(t, New()); strings.Contains(got, "heapdrift_") {
		t.Errorf("of a run of which nothing is known:\n%s", got)
	}
	m := New()
	m.SetResult(&detect.Result{Verdict: detect.RunInconclusive})
	if got := scrape(t, m); !strings.Contains(got, `{verdict="inconclusive"} 1`) || strings.Contains(got, "per_op") {
		t.Errorf("of a verdict without estimates:\n%s", got)
	}
}

func TestNamesAreThoseThatPromtoolWants(t *testing.T) {
	t.Parallel()
	problems, err := promlint.New(strings.NewReader(scrape(t, full()))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestAnAddressThatIsTakenIsAnError(t *testing.T) {
	t.Parallel()
	where, stop, err := New().Serve("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if _, _, err := New().Serve(where); err == nil || !strings.Contains(err.Error(), "serve metrics at "+where) {
		t.Errorf("got %v", err)
	}
}
