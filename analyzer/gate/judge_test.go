package gate

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

func iv(estimate, lo, hi float64) *stats.Interval {
	return &stats.Interval{Estimate: estimate, Lo: lo, Hi: hi, Confidence: 0.95, N: 20}
}

func rate(perOp *stats.Interval) *detect.Rate {
	return &detect.Rate{Interval: *perOp, Per: detect.PerOp}
}

func total(name string, v detect.Verdict, perOp *stats.Interval) detect.Total {
	return detect.Total{Name: name, Verdict: v, Growth: rate(perOp), OpsPerSecond: 100}
}

// result is a clean run of 6,000 operations at 100 a second; change makes it
// another.
func result(change func(*detect.Result)) *detect.Result {
	r := &detect.Result{
		Verdict: detect.RunClean, Per: detect.PerOp, Ops: 6000, Seconds: 60, Snapshots: 27, Window: detect.Window{Snapshots: 20},
		Clean: detect.DefaultConfig().Clean,
		Totals: []detect.Total{
			total("live_bytes", detect.Stable, iv(0.5, -2, 3)),
			total("live_objects", detect.Stable, iv(0, -0.01, 0.01)),
			total("goroutines", detect.Stable, iv(0, 0, 0.0005)),
			total("allocated_bytes", detect.Unknown, iv(4000, 3990, 4010)),
		},
	}
	if change != nil {
		change(r)
	}
	return r
}

func set(r *detect.Result, t detect.Total) {
	*r.Total(t.Name) = t
}

// leaky is a run that keeps 80 B/op at one site.
func leaky(r *detect.Result) {
	r.Verdict = detect.RunLeak
	set(r, total("live_bytes", detect.Leak, iv(80, 79, 81)))
	set(r, total("live_objects", detect.Leak, iv(1, 0.999, 1.001)))
	r.Findings = []detect.Finding{site("a1", "example.com/shop/metrics.(*Registry).Counter", detect.Leak, iv(80, 74, 86))}
}

func site(id, function string, v detect.Verdict, growth *stats.Interval) detect.Finding {
	return detect.Finding{ID: id, Kind: detect.KindHeap, Function: function, File: "/src/shop/metrics/registry.go", Line: 12, Verdict: v, Bytes: rate(growth)}
}

func run() *snapshot.Run {
	valid := true
	return &snapshot.Run{
		Target: snapshot.Target{Name: "shop", GoVersion: "go1.26.8"},
		Peak:   snapshot.Peak{LiveBytes: 100 << 20, RSS: 200 << 20},
		Load: snapshot.LoadInfo{
			Source: "heapdrift", Rate: 100, Sent: 6000, Completed: 6000, Errors: 60, Valid: &valid,
			Latency: &snapshot.Latency{P50: 2, P99: 40},
		},
	}
}

func ptr(v float64) *float64 { return &v }

func TestWhatBecomesOfARun(t *testing.T) {
	t.Parallel()
	rules := func(expires string) *Rules {
		r, err := NewRules([]Suppression{{Site: "metrics.(*Registry).*", Reason: "bounded by labels", Expires: expires}}, time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	base := func(live *stats.Interval, sites ...Site) *Entry {
		return &Entry{Key: Key{"shop", "go1.26", "amd64"}, LiveBytes: live, Goroutines: iv(0, 0, 0.001), Sites: sites}
	}
	for _, c := range []struct {
		name   string
		change func(*detect.Result)
		run    func(*snapshot.Run)
		limits Limits
		rules  *Rules
		base   *Entry
		want   State
		says   string // in the summary
		budget string // "name state status", of one budget
	}{
		{name: "a clean run without budgets passes", want: Passed, says: "2 budgets kept", budget: "live_bytes_per_op kept "},
		{name: "a leak without budgets fails", change: leaky, want: Failed, says: "live_bytes_per_op: 80.0 B/op [79.0, 81.0] is above the budget of 0 B/op"},
		{name: "a leak above its budget fails", change: leaky, limits: Limits{LiveBytesPerOp: ptr(2)}, want: Failed, says: "above the budget of 2 B/op", budget: "live_bytes_per_op broken "},
		{name: "a leak whose interval holds the budget is undecided", change: leaky, limits: Limits{LiveBytesPerOp: ptr(80)}, want: Undecided, says: "neither above the budget of 80 B/op", budget: "live_bytes_per_op undecided "},
		{
			name: "a leak below its budget passes", change: leaky, limits: Limits{LiveBytesPerOp: ptr(100)},
			want: Passed, says: "80.0 B/op", budget: "live_bytes_per_op kept ",
		},
		{
			name: "a leak below its budget of bytes per second passes", change: leaky, limits: Limits{BytesPerSecond: ptr(10000)},
			want: Passed, budget: "bytes_per_second kept ",
		},
		{
			name: "a leak above its budget of bytes per second fails", change: leaky, limits: Limits{BytesPerSecond: ptr(2000)},
			want: Failed, says: "bytes_per_second: 7.81 KiB/s",
		},
		{
			name: "one site that alone is above the budget fails although the whole is not", limits: Limits{LiveBytesPerOp: ptr(2)},
			change: func(r *detect.Result) {
				leaky(r)
				set(r, total("live_bytes", detect.Stable, iv(0.5, -2, 3)))
				set(r, total("live_objects", detect.Stable, iv(0, -0.1, 0.1)))
			},
			want: Failed, says: "leaks 80.0 B/op [74.0, 86.0]; no suppression and no budget covers it",
		},
		{
			name: "an interval above the budget is no growth where the gates do not pass", limits: Limits{LiveBytesPerOp: ptr(2)},
			change: func(r *detect.Result) { set(r, total("live_bytes", detect.Stable, iv(9, 7, 11))) },
			want:   Passed,
		},
		{
			name: "an interval wider than the clean limit is undecided", limits: Limits{LiveBytesPerOp: ptr(2)},
			change: func(r *detect.Result) {
				r.Verdict = detect.RunInconclusive
				set(r, total("live_bytes", detect.Unknown, iv(9, -70, 90)))
			},
			want: Undecided, says: "neither above the budget of 2 B/op nor bounded by 64 B/op", budget: "live_bytes_per_op undecided ",
		},
		{
			name: "the same interval is kept by a larger budget", limits: Limits{LiveBytesPerOp: ptr(100)},
			change: func(r *detect.Result) {
				r.Verdict = detect.RunInconclusive
				set(r, total("live_bytes", detect.Unknown, iv(9, -70, 90)))
			},
			want: Passed, budget: "live_bytes_per_op kept ",
		},
		{
			name: "a cache that fills is undecided", limits: Limits{LiveBytesPerOp: ptr(2)},
			change: func(r *detect.Result) {
				r.Verdict = detect.RunInconclusive
				set(r, total("live_bytes", detect.Growing, iv(300, 290, 310)))
			},
			want: Undecided, says: "as a cache does that fills",
		},
		{
			name: "a cache that has filled passes",
			change: func(r *detect.Result) {
				set(r, total("live_bytes", detect.Plateau, iv(300, 290, 310)))
			},
			want: Passed,
		},
		{
			name: "a backlog is undecided",
			change: func(r *detect.Result) {
				r.Verdict = detect.RunInconclusive
				set(r, total("live_bytes", detect.Backlog, iv(300, 290, 310)))
			},
			want: Undecided, says: "went away in the drain",
		},
		{
			name: "a site that grows leaves it open although the total is bounded",
			change: func(r *detect.Result) {
				r.Verdict = detect.RunInconclusive
				r.Findings = []detect.Finding{site("a1", "shop.fill", detect.Growing, iv(3, 2, 4))}
			},
			want: Undecided, says: "shop.fill is growing (3.00 B/op [2.00, 4.00])",
		},
		{
			name: "stuck goroutines fail",
			change: func(r *detect.Result) {
				r.Verdict = detect.RunLeak
				set(r, total("goroutines", detect.Leak, iv(0.009, 0.0085, 0.0095)))
			},
			want: Failed, says: "goroutines_per_op: 0.0090 goroutines/op [0.0085, 0.0095] is above the budget of 0 goroutines/op",
		},
		{
			name:   "objects that leak where bytes are too noisy fail",
			change: func(r *detect.Result) { leaky(r); r.Findings = nil; r.Total("live_bytes").Verdict = detect.Stable },
			want:   Failed, says: "live_objects_per_op", budget: "live_objects_per_op broken ",
		},
		{
			// Seen on a crowded machine: bytes ± 20 B/op, objects ± 0.03.
			name: "objects tell of a regression where bytes are too noisy", limits: Limits{LiveBytesPerOp: ptr(10)},
			base: &Entry{LiveBytes: iv(0.9, -0.5, 2.3), LiveObjects: iv(0.001, -0.02, 0.02), Goroutines: iv(0, 0, 0.001)},
			change: func(r *detect.Result) {
				r.Verdict = detect.RunLeak
				set(r, total("live_bytes", detect.Plateau, iv(5, -15, 25)))
				set(r, total("live_objects", detect.Leak, iv(0.1286, 0.0956, 0.1615)))
			},
			want: Failed, says: "live_objects_per_op: 0.13 objects/op [0.10, 0.16] is more than the baseline's 0.001 objects/op", budget: "live_objects_per_op broken worse",
		},
		{
			name: "as many objects as the bytes of the budget could be pass", limits: Limits{LiveBytesPerOp: ptr(10)},
			change: func(r *detect.Result) {
				r.Verdict = detect.RunLeak
				set(r, total("live_bytes", detect.Plateau, iv(5, -15, 25)))
				set(r, total("live_objects", detect.Leak, iv(0.1286, 0.0956, 0.1615)))
			},
			want: Passed, budget: "live_objects_per_op kept ",
		},
		{
			name: "more of them fail", limits: Limits{LiveBytesPerOp: ptr(1)},
			change: func(r *detect.Result) {
				r.Verdict = detect.RunLeak
				set(r, total("live_bytes", detect.Plateau, iv(5, -15, 25)))
				set(r, total("live_objects", detect.Leak, iv(0.1286, 0.0956, 0.1615)))
			},
			want: Failed, says: "live_objects_per_op: 0.13 objects/op [0.10, 0.16] is above the budget of 0.062 objects/op",
		},
		{
			name: "a leak that nothing names fails all the same",
			change: func(r *detect.Result) {
				r.Verdict = detect.RunLeak
			},
			want: Failed, says: "the run's verdict is leak",
		},
		{
			name: "a run that has no numbers is undecided",
			change: func(r *detect.Result) {
				r.Verdict = detect.RunInconclusive
				r.Totals = []detect.Total{{Name: "live_bytes", Reasons: []detect.Reason{{Code: detect.TooFewSnapshots, Values: detect.Values{N: 3, Of: 6}}}}}
			},
			want: Undecided, says: "at least 6 are needed",
		},
		{
			name: "a run without operations is judged by the second",
			change: func(r *detect.Result) {
				leaky(r)
				r.Per, r.Findings = detect.PerSecond, nil
				for i := range r.Totals {
					g := r.Totals[i].Growth
					*g = detect.Rate{Interval: g.Scale(100), Per: detect.PerSecond}
				}
			},
			want: Failed, says: "bytes_per_second: 7.81 KiB/s", budget: "goroutines_per_second kept ",
		},
		{
			name: "a budget per operation cannot be held where none are counted", limits: Limits{LiveBytesPerOp: ptr(2)},
			change: func(r *detect.Result) { r.Per = detect.PerSecond; r.Total("live_bytes").Growth = nil },
			want:   Undecided, says: "ops_metric",
		},
		{name: "an inconclusive run that keeps its budgets is undecided", change: func(r *detect.Result) { r.Verdict = detect.RunInconclusive }, want: Undecided, says: "inconclusive"},
		{name: "a run that was ended early is undecided", run: func(r *snapshot.Run) { r.Ended = "p99 was above 50 ms" }, want: Undecided, says: "p99 was above 50 ms"},

		{name: "a peak below its budget passes", limits: Limits{PeakLiveHeap: ptr(100 << 20), RSSPeak: ptr(200 << 20)}, want: Passed, budget: "rss_peak kept "},
		{name: "a peak above its budget fails", limits: Limits{PeakLiveHeap: ptr(100<<20 - 1)}, want: Failed, says: "peak_live_heap: 100 MiB is above"},
		{name: "an unknown peak is undecided", run: func(r *snapshot.Run) { r.Peak.RSS = 0 }, limits: Limits{RSSPeak: ptr(1)}, want: Undecided, says: "process_resident_memory_bytes"},
		{name: "a slow p99 fails", limits: Limits{P99: ptr(39.9)}, want: Failed, says: "p99: 40.0 ms is above the budget of 39.9 ms"},
		{name: "a p99 at its budget passes", limits: Limits{P99: ptr(40)}, want: Passed, budget: "p99 kept "},
		{name: "errors above their budget fail", limits: Limits{ErrorRate: ptr(0.005)}, want: Failed, says: "error_rate: 1.00 % is above the budget of 0.50 %"},
		{name: "errors at their budget pass", limits: Limits{ErrorRate: ptr(0.01)}, want: Passed, budget: "error_rate kept "},
		{name: "errors of someone else's load are not known", run: func(r *snapshot.Run) { r.Load = snapshot.LoadInfo{} }, limits: Limits{ErrorRate: ptr(0.01)}, want: Undecided},
		{name: "allocation above its budget fails", limits: Limits{AllocatedBytesPerOp: ptr(3980)}, want: Failed},
		{name: "allocation on both sides of its budget is undecided", limits: Limits{AllocatedBytesPerOp: ptr(4000)}, want: Undecided, says: "on both sides"},
		{name: "allocation below its budget passes", limits: Limits{AllocatedBytesPerOp: ptr(4010)}, want: Passed},

		{
			name: "a suppressed leak passes", change: leaky, rules: rules("2026-11-22"), limits: Limits{LiveBytesPerOp: ptr(2)},
			want: Passed, budget: "live_bytes_per_op kept ",
		},
		{name: "a suppression that has expired silences nothing", change: leaky, rules: rules("2026-11-21"), want: Failed},
		{
			name: "growth beyond what is suppressed fails", rules: rules("2027-01-01"),
			change: func(r *detect.Result) {
				leaky(r)
				set(r, total("live_bytes", detect.Leak, iv(200, 199, 201)))
			},
			want: Failed, says: "with what is suppressed taken off",
		},
		{
			name: "a leak beside a suppressed one fails", rules: rules("2027-01-01"),
			change: func(r *detect.Result) {
				leaky(r)
				r.Findings = append(r.Findings, site("b2", "shop.fill", detect.Leak, iv(3, 2, 4)))
			},
			want: Failed, says: "shop.fill leaks",
		},

		{
			name: "a suppressed leak beside one that may end leaves the rest open", rules: rules("2027-01-01"),
			change: func(r *detect.Result) {
				leaky(r)
				r.Findings[0].Bytes = rate(iv(48, 10, 86))
				r.Findings = append(r.Findings, site("b2", "shop.fill", detect.Growing, iv(30, 20, 40)))
			},
			want: Undecided, budget: "live_bytes_per_op undecided ",
		},
		{
			name: "growth from 0 to 2 is worse than the baseline, below any budget", base: base(iv(0.1, -0.3, 0.5)),
			limits: Limits{LiveBytesPerOp: ptr(10)},
			change: func(r *detect.Result) {
				r.Verdict = detect.RunLeak
				set(r, total("live_bytes", detect.Leak, iv(2, 1.8, 2.2)))
			},
			want: Failed, says: "more than the baseline's 0.10 B/op [-0.30, 0.50]", budget: "live_bytes_per_op broken worse",
		},
		{
			name: "an interval above the baseline's alone is no regression", base: base(iv(0.1, -0.3, 0.5)),
			change: func(r *detect.Result) { set(r, total("live_bytes", detect.Stable, iv(9, 7, 11))) },
			want:   Passed, budget: "live_bytes_per_op kept same",
		},
		{
			name: "more than the baseline that may end is undecided", base: base(iv(0.1, -0.3, 0.5)), limits: Limits{LiveBytesPerOp: ptr(1000)},
			change: func(r *detect.Result) {
				r.Verdict = detect.RunInconclusive
				set(r, total("live_bytes", detect.Growing, iv(300, 290, 310)))
			},
			want: Undecided, says: "but may end",
		},
		{
			name: "a known leak within its budget passes", base: base(iv(78, 77, 79), Site{ID: "a1", Kind: detect.KindHeap, Growth: iv(77, 70, 83)}),
			change: leaky, limits: Limits{LiveBytesPerOp: ptr(100)}, want: Passed, budget: "live_bytes_per_op kept same",
		},
		{
			name: "a new leak fails although the budget allows it", base: base(iv(78, 77, 79), Site{ID: "old", Kind: detect.KindHeap}),
			change: leaky, limits: Limits{LiveBytesPerOp: ptr(100)}, want: Failed, says: "leaks 80.0 B/op [74.0, 86.0], new against the baseline",
		},
		{
			name: "less than the baseline is better", base: base(iv(78, 77, 79)), want: Passed, budget: "live_bytes_per_op kept better",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rn := run()
			if c.run != nil {
				c.run(rn)
			}
			s := Judge(Input{Name: "shop", Run: rn, Result: result(c.change), Limits: c.limits, Tolerance: 1, Rules: c.rules, Baseline: c.base})
			if s.State != c.want || !strings.Contains(s.Summary, c.says) {
				t.Errorf("state %s: %s\nwant %s: …%s…", s.State, s.Summary, c.want, c.says)
			}
			if c.budget == "" {
				return
			}
			for _, b := range s.Budgets {
				if strings.Join([]string{b.Name, string(b.State), string(b.Status)}, " ") == c.budget {
					return
				}
			}
			t.Errorf("no budget is %q among %+v", c.budget, s.Budgets)
		})
	}
}

// What bytes show needs no second row.
func TestObjectsHaveABudgetOfTheirOwnOnlyWhereTheyTellMore(t *testing.T) {
	t.Parallel()
	quiet := func(r *detect.Result) { leaky(r); r.Total("live_bytes").Verdict = detect.Stable }
	for _, c := range []struct {
		name   string
		change func(*detect.Result)
		base   *Entry
		want   int
	}{
		{"nothing leaks", nil, nil, 0},
		{"bytes show the leak", leaky, nil, 0},
		{"bytes do not", quiet, nil, 1},
		{"the baseline knows objects", nil, &Entry{LiveObjects: iv(0, -1, 1)}, 1},
		{"the baseline does not", nil, &Entry{}, 0},
	} {
		n := 0
		for _, b := range Judge(Input{Run: run(), Result: result(c.change), Tolerance: 1, Baseline: c.base}).Budgets {
			if b.Name == NameLiveObjects {
				n++
			}
		}
		if n != c.want {
			t.Errorf("%s: %d budgets of live objects; want %d", c.name, n, c.want)
		}
	}
}

func TestFindingsAgainstTheBaseline(t *testing.T) {
	t.Parallel()
	res := result(func(r *detect.Result) {
		leaky(r)
		joined := site("c3", "shop.joined", detect.Suspect, iv(5, 4, 6))
		joined.Parts = []string{"c3", "c4"}
		r.Findings = append(r.Findings,
			site("b2", "shop.slower", detect.Leak, iv(5, 4, 6)),
			joined,
			site("d5", "shop.fresh", detect.Growing, iv(5, 4, 6)),
			site("e6", "shop.calm", detect.Plateau, iv(0, 0, 1)),
		)
	})
	at := func(id string, i *stats.Interval) Site {
		return Site{ID: id, Kind: detect.KindHeap, Function: "was." + id, Growth: i}
	}
	s := Judge(Input{Run: run(), Result: res, Tolerance: 1, Baseline: &Entry{Sites: []Site{
		at("a1", iv(10, 9, 11)), at("b2", iv(50, 49, 51)), at("c4", iv(5, 3, 7)), at("e6", iv(3, 2, 4)), at("f7", iv(3, 2, 4)),
	}}})
	want := map[string]Status{"a1": StatusWorse, "b2": StatusBetter, "c3": StatusSame, "d5": StatusNew, "e6": StatusGone, "f7": StatusGone}
	got := map[string]Status{}
	for _, f := range s.Findings {
		got[f.ID] = f.Status
		if f.Status != StatusNew && f.Before == nil {
			t.Errorf("%s does not tell its growth before", f.ID)
		}
	}
	for id, w := range want {
		if got[id] != w {
			t.Errorf("%s is %q; want %q", id, got[id], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("findings %v; want %v", got, want)
	}
}

// A difference must be material as well as shown: exact counters make intervals
// so narrow that any two runs of a leak differ.
func TestTwoRunsOfOneLeakAreTheSame(t *testing.T) {
	t.Parallel()
	exact := func(v float64) *stats.Interval { return iv(v, v-0.01, v+0.01) }
	for _, c := range []struct {
		name        string
		now, before float64
		want        Status
	}{
		{"5 % more of 8,000 B", 8400, 8000, StatusSame},
		{"15 % more of 8,000 B", 9200, 8000, StatusWorse},
		{"half a byte more than nothing", 0.5, 0, StatusSame},
		{"two bytes more than nothing", 2, 0, StatusWorse},
		{"15 % less", 6800, 8000, StatusBetter},
	} {
		j := &judge{Input: Input{Tolerance: 1}}
		if got := compare(exact(c.now), exact(c.before), j.margin(quantity{kind: detect.KindHeap}, exact(c.before))); got != c.want {
			t.Errorf("%s: %s; want %s", c.name, got, c.want)
		}
	}
	// ±0.9 and ±0.9 make ±1.27 of the difference.
	wide := func(v float64) *stats.Interval { return iv(v, v-0.9, v+0.9) }
	if got := compare(wide(1.2), wide(0), 1); got != StatusSame {
		t.Errorf("1.2 ± 0.9 after 0 ± 0.9 is %s; want same", got)
	}
	if got := compare(wide(1.3), wide(0), 1); got != StatusWorse {
		t.Errorf("1.3 ± 0.9 after 0 ± 0.9 is %s; want worse", got)
	}
	open := iv(9000, math.Inf(-1), math.Inf(1))
	if got := compare(open, exact(0), 1); got != StatusSame {
		t.Errorf("an interval without bounds is %s; want same", got)
	}
}
