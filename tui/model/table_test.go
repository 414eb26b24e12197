package model

import (
	"strings"
	"testing"
	"time"
)

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
	m.Type("FLAT1\n\x1b")
	if got := names(m); len(got) != 0 {
		t.Errorf("a filter in capitals matches %v", got)
	}
	m.Do(ActionClearLine)
	m.Type("flat1")
	if got := names(m); len(got) != 11 || !strings.HasPrefix(got[0], "flat1") {
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
	m.Type("flat$|flush")
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
