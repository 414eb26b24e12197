package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

// Desk is a corrections desk: it gets a document by POST, as JSON with an "id",
// and says whether that was withdrawn: {"withdrawn":false}. The zero value works.
type Desk struct {
	Trouble   Trouble           // may be nil
	Withdrawn func(string) bool // of an id; nil: none was
	questions atomic.Int64
}

// Questions returns how many requests came.
func (d *Desk) Questions() int64 { return d.questions.Load() }

func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.questions.Add(1)
	var document struct {
		ID string `json:"id"`
	}
	if err := json.NewDecoder(r.Body).Decode(&document); err != nil || document.ID == "" {
		http.Error(w, "that is no document", http.StatusBadRequest)
		return
	}
	if d.Trouble != nil && d.Trouble(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"withdrawn":%t}`+"\n", d.Withdrawn != nil && d.Withdrawn(document.ID))
}

// EveryNth answers the nth request, and every nth after that, with a status and
// a page, as a proxy does for a server that is out of order. n is at least 1.
func EveryNth(n int64, status int) Trouble {
	var requests atomic.Int64
	page := fmt.Sprintf("<html><head><title>%d</title></head>\n<body><h1>%s</h1>\n%s</body></html>\n",
		status, http.StatusText(status), strings.Repeat("<p>Please try again later.</p>\n", 20))
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if requests.Add(1)%n != 0 {
			return false
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(page)) // a client that is gone has nothing to be told
		return true
	}
}
