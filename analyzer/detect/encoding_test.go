package detect

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// What is not known is absent, what is no number is as if it were not known, and
// what is per second is in no field of operations.
func TestEncoding(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	iv := stats.Interval{Estimate: 2, Lo: 1, Hi: 3}
	open := stats.Interval{Estimate: 2, Lo: math.Inf(-1), Hi: inf}
	none := stats.Interval{Estimate: nan, Lo: 1, Hi: 3}
	per := func(i stats.Interval, p Per) *Rate { return &Rate{i, p} }
	number := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		name string
		v    any
		want string
	}{
		{"test", Test{"slope", true, 0.25, 0.5, unitP}, `{"name":"slope","passed":true,"statistic":0.25,"bound":0.5,"unit":"probability"}`},
		{"test against nothing", Test{"steps", false, math.Inf(-1), 0, ""}, `{"name":"steps","passed":false,"bound":0}`},
		{"test that could not be asked", Test{Name: "steps", Statistic: math.NaN()}, `{"name":"steps","passed":false,"bound":0}`},
		{"trend", Trend{0.5, 1.0 / 3, 14}, `{"tau":0.5,"p":0.333333333,"n":14}`},
		{"trend of nothing", Trend{nan, inf, 0}, `{"n":0}`},
		{"rate", per(iv, PerOp), `{"estimate":2,"lo":1,"hi":3}`},
		{"rate without bounds", per(open, PerSecond), `{"estimate":2}`},

		{"total by operations", Total{Name: "live_bytes", Growth: per(iv, PerOp), OpsPerSecond: 10, Verdict: Leak}, `{"per_op":{"estimate":2,"lo":1,"hi":3},"per_second":{"estimate":20,"lo":10,"hi":30},"verdict":"leak"}`},
		{"total by seconds", Total{Growth: per(iv, PerSecond)}, `{"per_second":{"estimate":2,"lo":1,"hi":3}}`},
		{"total without a number", Total{Growth: per(none, PerOp), OpsPerSecond: 10}, `{}`},
		{"total that was not measured", Total{Reasons: []Reason{{TooFewSnapshots, Values{N: 5, Of: 6}}}}, `{"reasons":[{"code":"too-few-snapshots","values":{"n":5,"of":6}}]}`},
		{"total with its tests", Total{Tests: []Test{{"rank", true, nan, inf, ""}}}, `{"tests":[{"name":"rank","passed":true}]}`},

		{"finding by operations", Finding{
			ID: "a", Kind: KindHeap, Verdict: Leak, Function: "f", Stack: []snapshot.Frame{}, Bytes: per(iv, PerOp), Objects: per(open, PerOp), Allocated: per(iv, PerOp),
			LiveBytes: 1000.4, Count: 2.6, Share: 1.0 / 3, Reasons: []Reason{{OneStep, Values{}}},
		}, `{"id":"a","kind":"heap","verdict":"leak","function":"f","stack":[],"bytes_per_op":{"estimate":2,"lo":1,"hi":3},"objects_per_op":{"estimate":2},"allocated_bytes_per_op":{"estimate":2,"lo":1,"hi":3},"live_bytes":1000,"count":3,"share":0.333333333,"reasons":[{"code":"one-step"}]}`},
		{"finding by seconds", Finding{ID: "a", Kind: KindGoroutine, Stack: []snapshot.Frame{}, Bytes: per(iv, PerSecond), Objects: per(iv, PerSecond), Goroutines: per(iv, PerSecond), Allocated: per(iv, PerSecond)}, `{"id":"a","kind":"goroutine","function":"","stack":[]}`},
		{"finding without a number", Finding{Stack: []snapshot.Frame{}, Bytes: per(none, PerOp), LiveBytes: Bytes(nan), Count: Count(inf), Share: Share(nan)}, `{"id":"","kind":"","function":"","stack":[]}`},
		{"less than half a byte", Finding{Stack: []snapshot.Frame{}, LiveBytes: 0.4, Count: -0.4}, `{"id":"","kind":"","function":"","stack":[]}`},

		{"power by operations", Power{Bytes: number(1), Goroutines: number(inf), SiteBytes: number(2), Per: PerOp, Confidence: 0.9, Busiest: &SitePower{Function: "f", Bytes: 3, Per: PerOp, Confidence: 0.85}}, `{"bytes_per_op":1,"confidence":0.9,"site_bytes_per_op":2,"busiest_site":{"function":"f","bytes_per_op":3,"confidence":0.85}}`},
		{"power by seconds", Power{Bytes: number(1), Goroutines: number(1), SiteBytes: number(2), Per: PerSecond, Confidence: 0.9, Busiest: &SitePower{Function: "f", Bytes: 3, Per: PerSecond}}, `{"confidence":0.9,"busiest_site":{"function":"f","bytes_per_second":3}}`},
		{"power without a number", Power{Bytes: number(nan), Per: PerOp, Confidence: nan, Busiest: &SitePower{Bytes: inf, Per: PerOp}}, `{}`},

		{"forecast without an end", Forecast{Limit: LimitGiven, LimitBytes: 7, SecondsToLimit: stats.Interval{Estimate: 2, Lo: 1, Hi: inf}}, `{"limit":"given","limit_bytes":7,"seconds_to_limit":{"estimate":2,"lo":1}}`},

		{"no values", Values{}, `{}`},
		{"values that are none", Values{Tau: nan, P: inf, SlopeP: nan, Level: nan, Share: math.Inf(-1), Times: inf, Grew: nan, Floor: inf, Upper: inf, Limit: nan, Samples: nan, Count: nan, From: nan, To: nan, Bytes: nan, Rate: nan, Seconds: nan}, `{}`},
		{"parts that are none", Values{Parts: []Part{{Name: "a", Bytes: nan, Share: inf, Rate: nan, Per: PerOp}}}, `{"parts":[{"name":"a","per":"op"}]}`},
		{"values with nine digits", Values{Share: 1.0 / 3, Parts: []Part{{Rate: 2.0 / 3}}}, `{"share":0.333333333,"parts":[{"rate":0.666666667}]}`},
		{"a reason whose values are none", Reason{Rises, Values{P: nan}}, `{"code":"rises"}`},
	} {
		got, err := json.Marshal(c.v)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s (%v)\nwant %s", c.name, got, err, c.want)
		}
	}
	v := Values{Share: 1.0 / 3, Parts: []Part{{Rate: 2.0 / 3, Bytes: nan}}}
	if _, err := json.Marshal(v); err != nil || v.Share != 1.0/3 || v.Parts[0].Rate != 2.0/3 || !math.IsNaN(v.Parts[0].Bytes) {
		t.Errorf("encoding changed the values to %+v (%v)", v, err)
	}
}

// encodes reports what of a value cannot be written, or is written of nothing.
func encodes(t *testing.T, all ...any) {
	t.Helper()
	for _, v := range all {
		b, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%+v: %v", v, err)
			continue
		}
		if s := strings.ReplaceAll(string(b), `"stack":null`, ""); strings.Contains(s, ":null") || strings.Contains(s, `"share":0,`) || strings.Contains(s, `"count":0,`) || strings.Contains(s, `"live_bytes":0,`) {
			t.Errorf("%s tells what is not known", s)
		}
	}
}
