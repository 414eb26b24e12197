// Package shop is an example of a package whose tests use leaktest. It is a
// module of its own, so that what leaktest asks of a module can be seen in its
// go.mod.
package shop

import (
	"fmt"
	"sync"
)

// Quotes remembers the prices it was asked for, the last ones only.
type Quotes struct {
	mu    sync.Mutex
	last  map[string]string
	order []string
}

// remembered is how many prices Quotes keeps.
const remembered = 500

// NewQuotes returns an empty Quotes.
func NewQuotes() *Quotes { return &Quotes{last: map[string]string{}} }

// Price is what an article costs.
func (q *Quotes) Price(article string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p, ok := q.last[article]; ok {
		return p
	}
	p := fmt.Sprintf("%d.%02d EUR", len(article), len(article)*7%100)
	q.last[article] = p
	q.order = append(q.order, article)
	if len(q.order) > remembered {
		delete(q.last, q.order[0])
		copy(q.order, q.order[1:])
		q.order = q.order[:remembered]
	}
	return p
}

// Session is a customer's, with a goroutine that works for it.
type Session struct {
	orders chan string
	done   chan struct{}
	sold   []string
}

// NewSession begins a session. Close ends it.
func NewSession() *Session {
	s := &Session{orders: make(chan string), done: make(chan struct{})}
	go s.serve()
	return s
}

func (s *Session) serve() {
	defer close(s.done)
	for o := range s.orders {
		s.sold = append(s.sold, o)
	}
}

// Order sells an article.
func (s *Session) Order(article string) { s.orders <- article }

// Close ends the session and waits for its goroutine.
func (s *Session) Close() {
	close(s.orders)
	<-s.done
}
