package model

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

const late = 19*time.Minute + 10*time.Second

// selected is the name of the selected row, as the picture marks it.
func selected(t *testing.T, m *Model) string {
	t.Helper()
	m.View(110, 32)
	if r := m.selectedRow(m.frameNow()); r != nil {
		return r.name
	}
	return ""
}

// line of the picture that holds text; "" where none does.
func line(m *Model, text string) string {
	for _, l := range strings.Split(m.View(110, 32).Text(), "\n") {
		if strings.Contains(l, text) {
			return l
		}
	}
	return ""
}

func names(m *Model) []string {
	rows, _ := m.rowsNow(m.frameNow())
	var out []string
	for _, r := range rows {
		out = append(out, r.name)
	}
	return out
}

func TestSelectionStaysWithItsSite(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	if got := selected(t, m); got != "embed.(*Batcher).Flush" {
		t.Fatalf("at first %q is selected, want the worst row", got)
	}
	for range 3 {
		m.Do(ActionDown)
	}
	want := selected(t, m)
	if want != "feed.(*Cache).Get" {
		t.Fatalf("three rows down is %q", want)
	}
	for _, a := range []Action{ActionSortNext, ActionSortNext, ActionReverse, ActionSortNext, ActionSortNext, ActionSortNext} {
		m.Do(a)
		if got := selected(t, m); got != want {
			t.Errorf("after action %d %q is selected, want %q still", a, got, want)
		}
	}
	for _, u := range pipeline().updates(24 * time.Minute)[116:] {
		m.Apply(u)
	}
	if got := selected(t, m); got != want {
		t.Errorf("after news %q is selected, want %q", got, want)
	}
	m.Do(ActionTab)
	if got := selected(t, m); got != "worker.retry" {
		t.Errorf("of the goroutines %q is selected", got)
	}
	m.Do(ActionTab)
	if got := selected(t, m); got != want {
		t.Errorf("back at the heap %q is selected, want %q", got, want)
	}
	m.Do(ActionFollow)
	if got := selected(t, m); got != "embed.(*Batcher).Flush" {
		t.Errorf("following selects %q, want the worst row", got)
	}
}

func TestMovesStayWithinTheTable(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	list := names(m)
	for _, c := range []struct {
		a    Action
		want int
	}{{ActionUp, 0}, {ActionEnd, len(list) - 1}, {ActionDown, len(list) - 1}, {ActionHome, 0}, {ActionPageDown, 9}, {ActionPageDown, 18}, {ActionPageUp, 9}, {ActionDown, 10}} {
		m.View(110, 32)
		m.Do(c.a)
		if got := m.tables[tabHeap].at; got != c.want {
			t.Errorf("after action %d row %d is selected, want %d", c.a, got, c.want)
		}
		if l := line(m, "│>"); !strings.Contains(l, list[c.want]) {
			t.Errorf("the marked line is %q, want %q in it", l, list[c.want])
		}
	}
}

func TestSortingByEachColumn(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	m.View(110, 32)
	number := func(c column) func(a, b *row) bool {
		return func(a, b *row) bool { return !(c.number(a) < c.number(b)) }
	}
	for _, c := range []struct {
		col     column
		ordered func(a, b *row) bool
	}{
		{colVerdict, func(a, b *row) bool { return a.rank <= b.rank }},
		{colCulprit, func(a, b *row) bool { return a.name <= b.name }},
		{colRate, number(colRate)},
		{colMinute, number(colMinute)},
		{colLive, number(colLive)},
		{colCount, number(colCount)},
	} {
		if got := m.tables[tabHeap].sort; got != c.col {
			t.Fatalf("the table is sorted by column %d, want %d", got, c.col)
		}
		for range 2 {
			rows, _ := m.rowsNow(m.frameNow())
			for i := 1; i < len(rows); i++ {
				a, b := rows[i-1], rows[i]
				if m.tables[tabHeap].rev && !unknown(c.col, b) {
					a, b = b, a
				}
				if !unknown(c.col, a) && !unknown(c.col, b) && !c.ordered(a, b) {
					t.Fatalf("column %d, reversed %v: %q stands before %q", c.col, m.tables[tabHeap].rev, rows[i-1].name, rows[i].name)
				}
				if unknown(c.col, rows[i-1]) && !unknown(c.col, rows[i]) {
					t.Fatalf("column %d: %q, of which nothing is known, stands before %q", c.col, rows[i-1].name, rows[i].name)
				}
			}
			m.Do(ActionReverse)
		}
		m.Do(ActionSortNext)
	}
	if got := m.tables[tabHeap].sort; got != colVerdict {
		t.Errorf("after the last column comes %d, want the first", got)
	}
	m.Do(ActionSortPrev)
	if got := m.tables[tabHeap].sort; got != colCount {
		t.Errorf("before the first column comes %d, want the last", got)
	}
}

func unknown(c column, r *row) bool {
	return c > colTrend && c.number(r) != c.number(r)
}

func TestFilter(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	all := len(names(m))
	m.Do(ActionFilter)
	if !m.Typing() {
		t.Fatal("/ does not begin to type")
	}
	m.Type("CALM1\n\x1b")
	if got := names(m); len(got) != 0 {
		t.Errorf("a filter in capitals matches %v", got)
	}
	m.Do(ActionClearLine)
	m.Type("calm1")
	if got := names(m); len(got) != 11 || !strings.HasPrefix(got[0], "calm1") {
		t.Errorf("the filter lets %v through", got)
	}
	if l := line(m, "of 11 (46)"); l == "" {
		t.Errorf("the title does not say 11 of 46:\n%s", text(m, 110, 32))
	}
	m.Type("(")
	if m.filterErr == "" || len(names(m)) != 11 {
		t.Errorf("a broken filter has the error %q and lets %d rows through, want the 11 of before", m.filterErr, len(names(m)))
	}
	m.Do(ActionEnter)
	if !m.Typing() {
		t.Error("a broken filter is accepted")
	}
	m.Do(ActionClearLine)
	m.Type("calm$|flush")
	if got := names(m); len(got) != 1 || got[0] != "embed.(*Batcher).Flush" {
		t.Errorf("the filter lets %v through", got)
	}
	m.Do(ActionEnter)
	if m.Typing() || len(names(m)) != 1 {
		t.Error("enter does not keep the filter")
	}
	m.Do(ActionFilter)
	m.Type("xyz")
	if !strings.Contains(text(m, 110, 32), "no row matches the filter") {
		t.Error("nothing says that no row matches")
	}
	m.Do(ActionEscape)
	if m.Typing() || len(names(m)) != 1 {
		t.Error("escape while typing does not bring the last filter back")
	}
	m.Do(ActionEscape)
	if got := len(names(m)); got != all {
		t.Errorf("after the second escape %d rows are there, want all %d", got, all)
	}
	m.Do(ActionFilter)
	m.Type(strings.Repeat("長", 500))
	if len(m.input) > maxInput {
		t.Errorf("a filter of %d bytes was taken", len(m.input))
	}
	for range 100 {
		m.Do(ActionBackspace)
	}
	if m.Typing() {
		t.Error("backspace in an empty filter does not end the typing")
	}
}

func TestFilterMatchesReasonAndVerdict(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	for filter, want := range map[string]string{"chan send": "worker.retry", "plateau": "feed.(*Cache).Get", "set.go:57": "tmpl.(*Set).compile"} {
		m.setFilter(filter)
		if got := names(m); len(got) != 1 || got[0] != want {
			t.Errorf("filter %q lets %v through, want %s alone", filter, got, want)
		}
	}
}

func TestFreezeStopsThePictureOnly(t *testing.T) {
	t.Parallel()
	m := feed(t, 10*time.Minute)
	before := text(m, 110, 32)
	m.Do(ActionFreeze)
	if !m.Frozen() {
		t.Fatal("it is not frozen")
	}
	frozen := text(m, 110, 32)
	for _, u := range pipeline().updates(late)[61:] {
		m.Apply(u)
	}
	m.Apply(Update{Source: "another", State: StateLive})
	if got := text(m, 110, 32); got != frozen {
		t.Errorf("the frozen picture moved:\n%s\nwas\n%s", got, frozen)
	}
	if strings.Replace(frozen, "‖ FROZEN", "── ● LIVE", 1) == frozen || before == frozen {
		t.Error("the frozen picture does not say that it is")
	}
	m.Do(ActionDown)
	if text(m, 110, 32) == frozen {
		t.Error("the selection does not move in a frozen picture")
	}
	m.Do(ActionFreeze)
	if l := line(m, "19:10"); m.Frozen() || l == "" && !strings.Contains(text(m, 110, 32), "12:40/20:00") {
		t.Errorf("going on does not show what came in meanwhile:\n%s", text(m, 110, 32))
	}
	if got := m.Sources(); !slices.Equal(got, []string{"processor:6060", "another"}) {
		t.Errorf("sources are %q", got)
	}
}

func TestScrubbingShowsTheRunAsItWas(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	if l := line(m, "▲ LEAK   +"); l == "" {
		t.Fatal("the run does not end as a leak")
	}
	for range 60 {
		m.Do(ActionScrubBack)
	}
	if l := line(m, "◂ AT 09:10"); l == "" {
		t.Errorf("the corner does not say 09:10:\n%s", text(m, 110, 32))
	}
	if l := line(m, "? INCONCLUSIVE so far"); l == "" {
		t.Errorf("at 09:10 the verdict was still open:\n%s", text(m, 110, 32))
	}
	want := pipeline().at(9*time.Minute + 10*time.Second)
	r := m.selectedRow(m.frameNow())
	if got := r.live; got != float64(want.Heap.Samples[0].InuseBytes) {
		t.Errorf("Flush held %g at 09:10, want %d", got, want.Heap.Samples[0].InuseBytes)
	}
	early := text(feed(t, 9*time.Minute+10*time.Second), 110, 32)
	if a, b := row0(early), row0(text(m, 110, 32)); a != b {
		t.Errorf("the first row of then is\n%s\nas it was shown then\n%s", b, a)
	}
	for range 200 {
		m.Do(ActionScrubBack)
	}
	if f := m.frameNow(); f.end != 1 || f.now {
		t.Errorf("scrubbing back ends at moment %d", f.end)
	}
	for range 200 {
		m.Do(ActionScrubForward)
	}
	if f := m.frameNow(); !f.now || line(m, "● LIVE") == "" {
		t.Error("scrubbing on does not end at now")
	}
}

// row0 is the first row of the table.
func row0(picture string) string {
	for _, l := range strings.Split(picture, "\n") {
		if strings.Contains(l, "batch.go:88") {
			return l
		}
	}
	return ""
}

func TestEventsAreReachedOneByOne(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	var got []string
	for range 8 {
		m.Do(ActionEventBack)
		f := m.frameNow()
		if f.now {
			break
		}
		e, _ := m.latestEvent(f)
		got = append(got, clockTime(e.Time.Sub(f.t.first))+" "+e.Text)
	}
	want := []string{"10:00 look confirmed: leak", "06:30 steady 2 begins", "01:30 steady 1 begins", "00:30 warm-up begins"}
	if len(got) < 4 || !slices.Equal(got[:4], want) {
		t.Errorf("events back: %q, want %q", got, want)
	}
	m.Do(ActionEventForward)
	if e, _ := m.latestEvent(m.frameNow()); e.Text != "steady 1 begins" {
		t.Errorf("the event after is %q", e.Text)
	}
	for range 5 {
		m.Do(ActionEventForward)
	}
	if !m.frameNow().now {
		t.Error("after the last event it is not now")
	}
}

func TestGrowthSinceAMoment(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	for range 30 {
		m.Do(ActionScrubBack)
	}
	m.Do(ActionDiff)
	for range 30 {
		m.Do(ActionScrubForward)
	}
	if l := line(m, "since 14:10"); l == "" {
		t.Fatalf("the title does not name the moment:\n%s", text(m, 110, 32))
	}
	s := pipeline()
	from, to := s.at(14*time.Minute+10*time.Second), s.at(late)
	r := m.selectedRow(m.frameNow())
	if want := float64(to.Heap.Samples[0].InuseBytes - from.Heap.Samples[0].InuseBytes); r.name != "embed.(*Batcher).Flush" || r.sinceBytes != want {
		t.Errorf("%s grew by %g, want %g of Flush", r.name, r.sinceBytes, want)
	}
	if got, want := colSinceRate.text(r, m.frameNow(), tabHeap), "52.9"; got != want {
		t.Errorf("its growth since is %s B/op, want %s", got, want)
	}
	m.Do(ActionTab)
	r = m.selectedRow(m.frameNow())
	if want := float64(to.Goroutines.Samples[0].Count - from.Goroutines.Samples[0].Count); r.sinceCount != want {
		t.Errorf("%g more goroutines, want %g", r.sinceCount, want)
	}
	m.Do(ActionDiff)
	if line(m, "since") != "" || line(m, "GOROUTINES by verdict") == "" {
		t.Errorf("the comparison does not end:\n%s", text(m, 110, 32))
	}
}

func TestRestartIsAnEventAndCutsTheFit(t *testing.T) {
	t.Parallel()
	s := pipeline()
	s.phases, s.restart, s.every = nil, 5*time.Minute, 5*time.Second
	m := New(DefaultConfig())
	for d := time.Duration(0); d <= 9*time.Minute; d += s.every {
		x := s.at(d)
		m.Apply(Update{Source: "a", Time: x.Time, State: StateLive, Run: &snapshot.Run{Target: s.target, Snapshots: []*snapshot.Snapshot{x}}})
	}
	if line(m, "◆ 05:00 the target was restarted (") == "" {
		t.Errorf("no event tells of the restart:\n%s", text(m, 110, 32))
	}
	rows, _ := m.rowsNow(m.frameNow())
	i := slices.IndexFunc(rows, func(r *row) bool { return r.name == "embed.(*Batcher).Flush" })
	if got := rows[i].rate; got < 52 || got > 54 {
		t.Errorf("Flush grows by %.1f B/op since the restart, want 52.9: the fall to zero is no part of it", got)
	}
	if warned := len(m.targets[0].events); warned != 1 {
		t.Errorf("%d events, want the restart alone: %+v", warned, m.targets[0].events)
	}
}

func TestSnapshotsAreTakenInOnce(t *testing.T) {
	t.Parallel()
	s := pipeline()
	m := New(DefaultConfig())
	run := s.run(2 * time.Minute)
	for n := range run.Snapshots {
		part := *run
		part.Snapshots = run.Snapshots[:n+1]
		for range 2 { // the same again, and all that came before
			m.Apply(Update{Source: "a", Run: &part})
		}
	}
	if got := m.targets[0].line.seen; got != len(run.Snapshots) {
		t.Errorf("%d snapshots were taken in, want %d", got, len(run.Snapshots))
	}
	whole := New(DefaultConfig())
	whole.Apply(Update{Source: "a", Run: run})
	if a, b := text(m, 110, 32), text(whole, 110, 32); a != b {
		t.Errorf("one by one:\n%s\nat once:\n%s", a, b)
	}
}

func TestIntents(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	m.View(110, 32)
	if got := m.Do(ActionSnap); len(got) != 1 || got[0].Kind != IntentSnapshot || got[0].Source != "processor:6060" {
		t.Errorf("s gives %+v", got)
	}
	if got := m.Do(ActionEdit); len(got) != 1 || got[0].Kind != IntentEdit || got[0].File != "/src/pipeline/embed/batch.go" || got[0].Line != 88 {
		t.Errorf("e gives %+v", got)
	}
	m.Do(ActionEnter)
	m.Do(ActionDown)
	if got := m.Do(ActionEdit); len(got) != 1 || got[0].File != "/src/pipeline/embed/service.go" || got[0].Line != 142 {
		t.Errorf("e in the stack, a frame down, gives %+v", got)
	}
	if got := m.Do(ActionQuit); got != nil || m.show != screenMain {
		t.Errorf("q in the stack gives %+v, want it closed", got)
	}
	copied := m.Do(ActionCopy)
	if len(copied) != 1 || copied[0].Kind != IntentCopy {
		t.Fatalf("y gives %+v", copied)
	}
	for _, want := range []string{"LEAK  example.com/pipeline/embed.(*Batcher).Flush  /src/pipeline/embed/batch.go:88", "size  +52.9 B/op [51.8 … 54.0]", "closure retention", "\t/src/pipeline/embed/service.go:142"} {
		if !strings.Contains(copied[0].Text, want) {
			t.Errorf("what is copied lacks %q:\n%s", want, copied[0].Text)
		}
	}
	if got := m.Do(ActionExport); len(got) != 1 || got[0].Kind != IntentExport || got[0].Text != text(m, 110, 32) {
		t.Errorf("w gives %+v, want the picture", got)
	}
	if got := m.Do(ActionReport); len(got) != 1 || got[0].Kind != IntentReport {
		t.Errorf("o gives %+v", got)
	}
	if got := m.Do(ActionQuit); len(got) != 1 || got[0].Kind != IntentQuit {
		t.Errorf("q gives %+v", got)
	}
	m.Do(ActionHelp)
	if got := m.Do(ActionInterrupt); len(got) != 1 || got[0].Kind != IntentQuit {
		t.Errorf("ctrl-c over the help gives %+v", got)
	}
	m.Apply(Update{Source: "processor:6060", State: StateEnded})
	m.Do(ActionEscape)
	if got := m.Do(ActionSnap); got != nil || !strings.Contains(m.notice.Text, "the run is over") {
		t.Errorf("s after the end gives %+v and says %q", got, m.notice.Text)
	}
	m.Notice(Warning, "$EDITOR is not set")
	if line(m, "$EDITOR is not set") == "" {
		t.Error("the notice is not shown")
	}
	m.Do(ActionNone)
	if line(m, "$EDITOR is not set") != "" {
		t.Error("the notice stays after the next action")
	}
}

func TestEveryActionHasAKeyAndEveryKeyIsInTheHelp(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	bound := map[Action]bool{}
	for _, b := range Bindings() {
		if seen[b.Key] || b.Key == "x" {
			t.Errorf("key %q is bound twice, or was to stay free", b.Key)
		}
		seen[b.Key], bound[b.Action] = true, true
	}
	for a := ActionNone + 1; a <= ActionInterrupt; a++ {
		if !bound[a] {
			t.Errorf("action %d has no key", a)
		}
	}
	m := New(DefaultConfig())
	m.Do(ActionHelp)
	help := m.View(110, 40).Text()
	for key := range seen {
		if !regexp.MustCompile(`[│ ]` + regexp.QuoteMeta(key) + ` `).MatchString(help) {
			t.Errorf("key %q is not in the help:\n%s", key, help)
		}
	}
	for _, k := range (&Model{}).footerKeys(m.frameNow()) {
		if !slices.ContainsFunc(Bindings(), func(b Binding) bool {
			return b.Action == k.action && (b.Key == k.key || strings.Contains(k.key, b.Key))
		}) {
			t.Errorf("the footer has %q %s, which is bound otherwise", k.key, k.word)
		}
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	other := pipeline()
	other.sites = other.sites[3:]
	for _, x := range other.run(time.Minute).Snapshots {
		m.Apply(Update{Source: "node-2:6060", Time: x.Time, State: StateLive, Run: &snapshot.Run{Snapshots: []*snapshot.Snapshot{x}}})
	}
	if m.Current() != "processor:6060" {
		t.Fatalf("%q is shown", m.Current())
	}
	m.Do(ActionNextTarget)
	if m.Current() != "node-2:6060" || line(m, "node-2:6060") == "" {
		t.Errorf("n shows %q", m.Current())
	}
	if got := m.Do(ActionReport); got[0].Source != "node-2:6060" {
		t.Errorf("the report is asked of %q", got[0].Source)
	}
	m.Do(ActionNextTarget)
	if m.Current() != "processor:6060" {
		t.Errorf("after the last comes %q", m.Current())
	}
	m.Do(ActionOverview)
	picture := text(m, 110, 32)
	for _, want := range []string{"2 targets", "> processor:6060", "node-2:6060", "▲ LEAK"} {
		if !strings.Contains(picture, want) {
			t.Errorf("the overview lacks %q:\n%s", want, picture)
		}
	}
	m.Do(ActionDown)
	m.Do(ActionEnter)
	if m.Current() != "node-2:6060" || m.show != screenMain {
		t.Errorf("enter opens %q", m.Current())
	}
}

func TestMouse(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	find := func(text string) (x, y int) {
		for y, l := range strings.Split(m.View(110, 32).Text(), "\n") {
			if i := strings.Index(l, text); i >= 0 {
				return cells(l[:i]), y
			}
		}
		t.Fatalf("%q is not on the screen", text)
		return 0, 0
	}
	x, y := find("LIVE    ")
	m.Click(x, y, false)
	if m.tables[tabHeap].sort != colLive {
		t.Errorf("a click on LIVE sorts by %d", m.tables[tabHeap].sort)
	}
	x, y = find("LIVE    ")
	m.Click(x, y, false)
	if !m.tables[tabHeap].rev {
		t.Error("a second click does not reverse")
	}
	m.Click(x, y, false)
	x, y = find("set.go:57")
	m.Click(x, y, false)
	if got := selected(t, m); got != "tmpl.(*Set).compile" {
		t.Errorf("a click on a row selects %q", got)
	}
	m.Wheel(x, y, 1)
	if got := selected(t, m); got == "tmpl.(*Set).compile" {
		t.Error("the wheel does not move the selection")
	}
	m.Click(x, y, true)
	if m.show != screenStack {
		t.Error("a double click does not open the stack")
	}
	m.Do(ActionEscape)
	x, y = find("tab goroutines ─")
	m.Click(x, y, false)
	if m.tab != tabGoroutines {
		t.Error("a click on the other table does not show it")
	}
	x, y = find("? help")
	m.Click(x, y, false)
	if m.show != screenHelp {
		t.Error("a click on a key of the footer does nothing")
	}
	m.Do(ActionEscape)
	m.View(110, 32)
	m.Click(40, 8, false)
	if f := m.frameNow(); f.now || f.at.Sub(began) < 8*time.Minute || f.at.Sub(began) > 12*time.Minute {
		t.Errorf("a click in the middle of the chart shows %v", f.at.Sub(began))
	}
	if got := m.Click(500, 500, true); got != nil {
		t.Errorf("a click outside gives %+v", got)
	}
}

func TestSourceIsAskedOncePerPlace(t *testing.T) {
	t.Parallel()
	asked := map[string]int{}
	m := New(Config{Source: func(file string, line int) ([]string, int) {
		asked[file]++
		return nil, 0
	}})
	for _, u := range pipeline().updates(late) {
		m.Apply(u)
	}
	for range 20 {
		m.View(110, 32)
	}
	if asked["/src/pipeline/embed/batch.go"] != 1 || len(asked) != 1 {
		t.Errorf("source was asked for %v", asked)
	}
}

func TestAFindingOfSeveralSitesIsOneRow(t *testing.T) {
	t.Parallel()
	s := pipeline()
	m := New(DefaultConfig())
	run := s.run(late)
	r := s.result(100)
	ids := []string{r.Findings[0].ID, r.Findings[3].ID}
	r.Findings[0].Parts = ids
	r.Findings = append(r.Findings[:3:3], detect.Finding{ID: "none", Kind: detect.KindHeap, Verdict: detect.Growing, Function: detect.Unattributed, BytesPerOp: interval(5, 1)})
	m.Apply(Update{Source: "a", Run: run, Result: r})
	got := names(m)
	if slices.Contains(got, "feed.(*Cache).Get") {
		t.Error("a part of a finding has a row of its own")
	}
	last := run.Snapshots[len(run.Snapshots)-1].Heap.Samples
	row := m.selectedRow(m.frameNow())
	if want := float64(last[0].InuseBytes + last[2].InuseBytes); row.live != want {
		t.Errorf("the row holds %g, want %g of both sites", row.live, want)
	}
	if !slices.Contains(got, detect.Unattributed) {
		t.Errorf("what is at no site has no row: %q", got)
	}
}

func TestVerdictsThatChangeAreEvents(t *testing.T) {
	t.Parallel()
	m := New(DefaultConfig())
	s := pipeline()
	for i, v := range []detect.RunVerdict{detect.RunInconclusive, detect.RunInconclusive, detect.RunLeak, detect.RunLeak, detect.RunInconclusive} {
		x := s.at(time.Duration(i) * time.Minute)
		m.Apply(Update{Source: "a", Time: x.Time, Run: &snapshot.Run{Snapshots: []*snapshot.Snapshot{x}}, Result: &detect.Result{Verdict: v}})
	}
	var got []string
	for _, e := range m.targets[0].events {
		got = append(got, e.Text)
	}
	if want := []string{"look confirmed: leak", "no longer a leak: inconclusive"}; !slices.Equal(got, want) {
		t.Errorf("events are %q, want %q", got, want)
	}
}

func TestGrowthIsToldFromTheLastTwoThirds(t *testing.T) {
	t.Parallel()
	s := pipeline()
	s.phases, s.every = nil, 10*time.Second
	s.sites[0].objects = func(n float64) float64 { return min(n, 100*400) } // full after 100 s
	m := New(DefaultConfig())
	m.Apply(Update{Source: "a", Run: s.run(6 * time.Minute)})
	rows, _ := m.rowsNow(m.frameNow())
	i := slices.IndexFunc(rows, func(r *row) bool { return r.name == "embed.(*Batcher).Flush" })
	if got := rows[i].rate; got != 0 {
		t.Errorf("a cache that was full in the first third grows by %g B/op", got)
	}
}

func TestSnapshotsOutOfOrderArePassedOver(t *testing.T) {
	t.Parallel()
	s := pipeline()
	run := s.run(time.Minute)
	run.Snapshots[3], run.Snapshots[5] = run.Snapshots[5], run.Snapshots[3]
	m := New(DefaultConfig())
	m.Apply(Update{Source: "a", Run: run})
	ms := m.targets[0].line.moments
	if !slices.IsSortedFunc(ms, func(a, b moment) int { return a.at.Compare(b.at) }) || len(ms) != 5 {
		t.Errorf("%d moments are kept, want the 5 that are in order", len(ms))
	}
}

func TestAFrozenPictureOutlivesThinning(t *testing.T) {
	t.Parallel()
	s := pipeline()
	s.phases, s.every, s.sites = nil, time.Second, s.sites[:4]
	tell := func(m *Model, from, to int) {
		for i := from; i < to; i++ {
			x := s.at(time.Duration(i) * time.Second)
			m.Apply(Update{Source: "a", Time: x.Time, Run: &snapshot.Run{Target: s.target, Snapshots: []*snapshot.Snapshot{x}}})
		}
	}
	frozen, still := New(DefaultConfig()), New(DefaultConfig())
	tell(frozen, 0, maxMoments)
	tell(still, 0, maxMoments)
	frozen.Do(ActionFreeze)
	still.Do(ActionFreeze)
	tell(frozen, maxMoments, 3*maxMoments)
	for range 50 { // rows are made anew from what was frozen
		frozen.Do(ActionScrubBack)
		still.Do(ActionScrubBack)
	}
	if a, b := text(frozen, 110, 32), text(still, 110, 32); a != b {
		t.Errorf("what came in while it was frozen changed the picture:\n%s\nwant\n%s", a, b)
	}
}

func TestAnEventAtTheLastMomentIsReached(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	m.Apply(Update{Source: "processor:6060", Events: []Event{{Time: began.Add(late), Severity: Warning, Text: "just now"}, {Time: began.Add(late - time.Minute), Text: "a minute ago"}}})
	m.Do(ActionEventBack)
	if e, _ := m.latestEvent(m.frameNow()); e.Text != "just now" {
		t.Errorf("the event before now is %q", e.Text)
	}
	m.Do(ActionEventBack)
	if e, _ := m.latestEvent(m.frameNow()); e.Text != "a minute ago" {
		t.Errorf("the event before that is %q", e.Text)
	}
}
