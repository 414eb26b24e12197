package cache

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func TestTheCacheKeepsThePagesAskedForLast(t *testing.T) {
	t.Parallel()
	fetched := map[string]int{}
	r := New(func(_ context.Context, url string) ([]byte, error) {
		fetched[url]++
		return []byte("disallow: draft-"), nil
	})
	read := func(page int) {
		t.Helper()
		body := fmt.Sprintf(`{"id":"a","source":"https://x.example/%d"}`, page)
		if _, err := r.Read(t.Context(), strings.NewReader(body), -1); err != nil {
			t.Fatal(err)
		}
	}
	const popular = -1
	for page := range 10 * Pages {
		read(page)
		read(popular)
		if n, m := len(r.pages), r.order.Len(); n > Pages || n != m {
			t.Fatalf("after %d pages there are %d in the map and %d in the order; want the same, at most %d", page+2, n, m, Pages)
		}
	}
	if n := fetched["https://x.example/-1"]; n != 1 {
		t.Errorf("the page that is asked for all the time was fetched %d times, want once", n)
	}
	if len(r.pages) != Pages {
		t.Errorf("%d pages are kept, want %d", len(r.pages), Pages)
	}
	// The oldest of those that are kept; then it is not the oldest any more.
	oldest := 10*Pages - (Pages - 1)
	read(oldest)
	read(10 * Pages)
	read(oldest)
	if n := fetched[fmt.Sprintf("https://x.example/%d", oldest)]; n != 1 {
		t.Errorf("the oldest page that was kept was fetched %d times, want once", n)
	}
	read(oldest - 1)
	if n := fetched[fmt.Sprintf("https://x.example/%d", oldest-1)]; n != 2 {
		t.Errorf("the page before it was fetched %d times, want twice: it was forgotten", n)
	}
}

func TestAPageFetchedTwiceAtOnceIsKeptOnce(t *testing.T) {
	t.Parallel()
	r := New(nil)
	r.keep("u", &terms{})
	second := &terms{}
	r.keep("u", second)
	if got, ok := r.known("u"); !ok || got != second || r.order.Len() != 1 {
		t.Errorf("known %t, the second %t, %d in the order; want the second, once", ok, got == second, r.order.Len())
	}
}
