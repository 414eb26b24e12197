// Package fake stands in, on loopback, for what the pipeline talks to: feeds, a
// news API, an embedding server, a downstream. For tests, and to run the
// service without a network.
package fake

import (
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/heapdrift/heapdrift/pipeline/embed"
)

// Trouble may answer a request in the place of a fake, and says whether it has.
type Trouble func(w http.ResponseWriter, r *http.Request) bool

// Embeddings is an OpenAI-compatible server of POST /v1/embeddings, with the
// vectors of embed.Hasher. The zero value works.
type Embeddings struct {
	Key      string  // the bearer token that is asked for; empty: none
	Trouble  Trouble // may be nil
	requests atomic.Int64
}

// Requests returns how many requests came.
func (e *Embeddings) Requests() int64 { return e.requests.Load() }

func (e *Embeddings) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.requests.Add(1)
	if e.Trouble != nil && e.Trouble(w, r) {
		return
	}
	if e.Key != "" && r.Header.Get("Authorization") != "Bearer "+e.Key {
		http.Error(w, "the key is missing or wrong", http.StatusUnauthorized)
		return
	}
	var q struct {
		Input []string `json:"input"`
		Model string   `json:"model"`
	}
	if r.Method != http.MethodPost || r.URL.Path != "/v1/embeddings" || json.NewDecoder(r.Body).Decode(&q) != nil {
		http.Error(w, "this server embeds: POST /v1/embeddings", http.StatusNotFound)
		return
	}
	type item struct {
		Object    string       `json:"object"`
		Index     int          `json:"index"`
		Embedding embed.Vector `json:"embedding"`
	}
	answer := struct {
		Object string `json:"object"`
		Model  string `json:"model"`
		Data   []item `json:"data"`
	}{"list", q.Model, make([]item, len(q.Input))}
	// The last comes first: a client must go by the index.
	for i, text := range q.Input {
		answer.Data[len(q.Input)-1-i] = item{"embedding", i, embed.Hasher{}.Vector(text)}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client that is gone has nothing to be told
}

// Downstream takes what is published. The zero value works.
type Downstream struct {
	Trouble Trouble // may be nil

	mu        sync.Mutex
	documents map[string]Published // by id
	repeats   int
}

// Published is a document as the downstream knows it.
type Published struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Chunks []struct {
		Start  int    `json:"start"`
		End    int    `json:"end"`
		Vector []byte `json:"vector"` // float32, little endian, in base64
	} `json:"chunks"`
	Entities []struct {
		Kind, Text string
		Start, End int
	} `json:"entities"`
	Key string `json:"-"` // the Idempotency-Key
}

// ServeHTTP stores a document under its id.
func (d *Downstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.Trouble != nil && d.Trouble(w, r) {
		return
	}
	var p Published
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil || p.ID == "" {
		http.Error(w, "that is no document", http.StatusBadRequest)
		return
	}
	p.Key = r.Header.Get("Idempotency-Key")
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.documents == nil {
		d.documents = make(map[string]Published)
	}
	if old, ok := d.documents[p.ID]; ok && old.Key == p.Key {
		d.repeats++
	}
	d.documents[p.ID] = p
	w.WriteHeader(http.StatusNoContent)
}

// Documents returns what came, by id.
func (d *Downstream) Documents() map[string]Published {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make(map[string]Published, len(d.documents))
	for id, p := range d.documents {
		all[id] = p
	}
	return all
}

// Repeats returns how often a document came that had come before: sent again
// because the sender could not know that it had arrived.
func (d *Downstream) Repeats() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.repeats
}
