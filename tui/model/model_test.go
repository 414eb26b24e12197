package model

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

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
	if l := line(m, "▲ LEAK (proved)   +"); l == "" {
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
