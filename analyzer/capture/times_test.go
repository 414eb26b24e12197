package capture

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestTimesAreMendedBySequence(t *testing.T) {
	t.Parallel()
	const none = -1 << 40
	for _, x := range []struct {
		name          string
		at, want      []int // seconds after moment0
		placed, steps int
	}{
		{"nothing to mend", []int{0, 2, 5, 6}, []int{0, 2, 5, 6}, 0, 0},
		{"two at once", []int{0, 2, 2, 4}, []int{0, 2, 2, 4}, 0, 0},
		{"an hour back", []int{0, 10, 20, 30, -3560, -3550, -3540}, []int{0, 10, 20, 30, 40, 50, 60}, 0, 1},
		{"back twice", []int{0, 10, -90, -80, -180, -170}, []int{0, 10, 20, 30, 40, 50}, 0, 2},
		{"a pause is left", []int{0, 10, 20, 3600, 3610}, []int{0, 10, 20, 3600, 3610}, 0, 0},
		{"one without a time", []int{0, 10, none, 30, 40}, []int{0, 10, 20, 30, 40}, 1, 0},
		{"the first and the last without", []int{none, 10, 20, 30, none, none}, []int{0, 10, 20, 30, 40, 50}, 3, 0},
		{"one far ahead", []int{0, 10, 1 << 30, 30, 40}, []int{0, 10, 20, 30, 40}, 1, 0},
		{"one far behind", []int{0, 10, -1 << 30, 30, 40}, []int{0, 10, 20, 30, 40}, 1, 0},
		{"most without", []int{0, none, none, 10, none}, []int{none, none, none, none, none}, 3, 0},
		{"one alone", []int{7}, []int{7}, 0, 0},
		{"none at all", nil, nil, 0, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			times := func(seconds []int) (out []time.Time) {
				for _, s := range seconds {
					if s == none {
						out = append(out, time.Time{})
						continue
					}
					out = append(out, moment0.Add(time.Duration(s)*time.Second))
				}
				return out
			}
			got := straighten(times(x.at))
			if !slices.EqualFunc(got.at, times(x.want), time.Time.Equal) || got.placed != x.placed || got.steps != x.steps {
				t.Errorf("times %v, %d placed, %d steps; want %v, %d, %d", got.at, got.placed, got.steps, times(x.want), x.placed, x.steps)
			}
		})
	}
}

// seconds are the times of a run's snapshots, after moment0.
func seconds(t testing.TB, paths ...string) (out []int, codes []string) {
	t.Helper()
	run := open(t, paths...)
	for _, s := range run.Snapshots {
		out = append(out, int(s.Time.Sub(moment0).Seconds()))
	}
	for _, w := range run.Warnings {
		codes = append(codes, w.Code)
	}
	return out, codes
}

func TestABundleWhoseClockWentBackIsInSequence(t *testing.T) {
	t.Parallel()
	b, err := Create(t.TempDir(), Header{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		r := raw(t, i)
		if i >= 4 {
			r.Time = r.Time.Add(-time.Hour)
		}
		if _, err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	at, codes := seconds(t, b.Dir())
	if d := cmp.Diff([]int{0, 1, 2, 3, 4, 5, 6, 7}, at); d != "" || !slices.Equal(codes, []string{ClockStepped}) {
		t.Errorf("warnings %q, times (-want +got):\n%s", codes, d)
	}
}

// A program that runs collects every two minutes: a clock that was put forward is
// told from a pause by the collections that are missing.
func TestAClockThatWentForwardIsToldFromAPause(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name    string
		jump    time.Duration
		gogc    int
		numGC   func(i int) uint64 // nil: not known
		stepped bool
	}{
		{"an hour that the program did not run", time.Hour, 0, func(i int) uint64 { return uint64(5 * i) }, true},
		{"an hour's pause", time.Hour, 0, func(i int) uint64 { return uint64(5*i + 30*(i/4)) }, false},
		{"GOGC is off", time.Hour, -1, func(i int) uint64 { return uint64(5 * i) }, false},
		{"collections are not known", time.Hour, 0, nil, false},
		{"too short to tell", 9 * time.Minute, 0, func(i int) uint64 { return uint64(i) }, false},
	} {
		b, err := Create(filepath.Join(t.TempDir(), "run"), Header{Target: snapshot.Target{GOGC: x.gogc}})
		if err != nil {
			t.Fatal(err)
		}
		var want []int
		for i := range 8 {
			r := raw(t, i)
			if x.numGC != nil {
				r.Counters.Values["NumGC"] = x.numGC(i)
			}
			if i >= 4 {
				r.Time = r.Time.Add(x.jump)
			}
			at := i
			if i >= 4 || x.stepped { // those before move up to the last
				at += int(x.jump.Seconds())
			}
			want = append(want, at)
			if _, err := b.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		at, codes := seconds(t, b.Dir())
		if d := cmp.Diff(want, at); d != "" || slices.Contains(codes, ClockStepped) != x.stepped {
			t.Errorf("%s: warnings %q, times (-want +got):\n%s", x.name, codes, d)
		}
	}
}

func TestLooseProfilesWithBadTimesArePlacedByName(t *testing.T) {
	t.Parallel()
	names := []string{"h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8", "h9", "h10"}
	for _, x := range []struct {
		name  string
		at    func(i int) time.Duration // after the right moment; 1 ns: none
		want  []int
		codes []string
	}{
		{"one without a time", func(i int) time.Duration {
			if i == 4 {
				return 1
			}
			return 0
		}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []string{WithoutTimes}},
		{"one of 1970", func(i int) time.Duration {
			if i == 4 {
				return -56 * 365 * 24 * time.Hour
			}
			return 0
		}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []string{WithoutTimes}},
		{"the clock went back an hour", func(i int) time.Duration {
			if i >= 4 {
				return -time.Hour
			}
			return 0
		}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []string{ClockStepped}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			content := map[string]any{}
			for i, name := range names {
				m := server(i)
				switch d := x.at(i); d {
				case 1:
					m.at = time.Time{}
				default:
					m.at = m.at.Add(d)
				}
				content[name] = m.heapProfile()
			}
			at, codes := seconds(t, files(t, content))
			if d := cmp.Diff(x.want, at); d != "" || !slices.Equal(codes, x.codes) {
				t.Errorf("warnings %q, want %q; times (-want +got):\n%s", codes, x.codes, d)
			}
		})
	}
}

// Where the names tell no order, a profile without a time has no place, unless one
// of the same moment lies beside it.
func TestAProfileWithoutATimeAmongNamesWithoutOrder(t *testing.T) {
	t.Parallel()
	timeless := server(3)
	timeless.at = time.Time{}
	content := map[string]any{"a": server(2).heapProfile(), "b": server(0).heapProfile(), "c": server(1).heapProfile(), "d": timeless.heapProfile()}
	at, codes := seconds(t, files(t, content))
	if d := cmp.Diff([]int{0, 1, 2}, at); d != "" || !slices.Equal(codes, []string{WithoutTimes}) {
		t.Errorf("warnings %q, times (-want +got):\n%s", codes, d)
	}
	delete(content, "d")
	content["b-goroutine"] = timeless.goroutineProfile()
	run := open(t, files(t, content))
	if got := shape(run); len(got) != 3 || got[0] != "heap 64k, goroutines 262144" || len(run.Warnings) != 0 {
		t.Errorf("snapshots %q, warnings %q; want the goroutines beside b", got, run.Warnings)
	}
}

// Times of files are those of copies more often than not.
func TestProfilesWithoutTimesHaveNone(t *testing.T) {
	t.Parallel()
	content := map[string]any{}
	for i, name := range []string{"h1", "h2", "h3"} {
		m := server(i)
		m.at = time.Time{}
		content[name] = m.heapProfile()
	}
	run := open(t, files(t, content))
	for _, s := range run.Snapshots {
		if !s.Time.IsZero() {
			t.Errorf("time %s, want none", s.Time)
		}
	}
	warns(t, run, WithoutTimes, "3 of 3")
}
