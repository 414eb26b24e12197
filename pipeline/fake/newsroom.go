package fake

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/heapdrift/heapdrift/pipeline"
)

// Newsroom serves documents as an RSS feed at /rss, as an Atom feed at /atom,
// and as the pages of a news API at /news?page=1.
type Newsroom struct {
	// Document returns document seq; it must be the same whenever it is asked
	// for.
	Document func(seq int64) (pipeline.Document, error)
	// Total bounds the documents there are, PerPage those of a feed or a page.
	Total, PerPage int64
	// Moving makes a feed give the next PerPage documents each time that it is
	// asked for, up to Total, and from then on the last of them. Without it a
	// feed holds the first PerPage for ever.
	Moving bool

	rss, atom atomic.Int64 // how often each was asked for
}

// Handler serves the newsroom.
func (n *Newsroom) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rss", func(w http.ResponseWriter, r *http.Request) { n.feed(w, r, &n.rss, n.asRSS) })
	mux.HandleFunc("GET /atom", func(w http.ResponseWriter, r *http.Request) { n.feed(w, r, &n.atom, n.asAtom) })
	mux.HandleFunc("GET /news", n.news)
	return mux
}

// page returns the documents of a page, counted from 0.
func (n *Newsroom) page(page int64) ([]pipeline.Document, error) {
	var documents []pipeline.Document
	for seq := page * n.PerPage; seq < min((page+1)*n.PerPage, n.Total); seq++ {
		doc, err := n.Document(seq)
		if err != nil {
			return nil, err
		}
		documents = append(documents, doc)
	}
	return documents, nil
}

// feed answers with one page, or says that it is the one that the client has.
func (n *Newsroom) feed(w http.ResponseWriter, r *http.Request, asked *atomic.Int64, form func([]pipeline.Document) any) {
	page := int64(0)
	if n.Moving {
		page = min(asked.Add(1)-1, max((n.Total-1)/n.PerPage, 0))
	}
	tag := fmt.Sprintf(`"page-%d"`, page)
	modified := published(page * n.PerPage)
	w.Header().Set("ETag", tag)
	w.Header().Set("Last-Modified", modified.Format(http.TimeFormat))
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	if r.Header.Get("If-None-Match") == tag && err == nil && !modified.After(since) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	documents, err := n.page(page)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	_, _ = w.Write([]byte(xml.Header))
	_ = xml.NewEncoder(w).Encode(form(documents)) // a client that is gone has nothing to be told
}

// published is when document seq came out: one a minute.
func published(seq int64) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(seq) * time.Minute)
}

type rssItem struct {
	Title       string `xml:"title"`
	GUID        string `xml:"guid"`
	Description string `xml:"description"`
}

type rssFeed struct {
	XMLName xml.Name  `xml:"rss"`
	Version string    `xml:"version,attr"`
	Title   string    `xml:"channel>title"`
	Link    string    `xml:"channel>link"`
	Items   []rssItem `xml:"channel>item"`
}

func (n *Newsroom) asRSS(documents []pipeline.Document) any {
	feed := rssFeed{Version: "2.0", Title: "Newsroom", Link: "http://127.0.0.1/"}
	for _, d := range documents {
		feed.Items = append(feed.Items, rssItem{Title: d.Title, GUID: d.ID, Description: d.Text})
	}
	return feed
}

type atomEntry struct {
	Title   string `xml:"title"`
	ID      string `xml:"id"`
	Updated string `xml:"updated"`
	Content struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	} `xml:"content"`
}

type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Title   string      `xml:"title"`
	ID      string      `xml:"id"`
	Updated string      `xml:"updated"`
	Entries []atomEntry `xml:"entry"`
}

func (n *Newsroom) asAtom(documents []pipeline.Document) any {
	feed := atomFeed{Title: "Newsroom", ID: "urn:newsroom", Updated: published(0).Format(time.RFC3339)}
	for i, d := range documents {
		e := atomEntry{Title: d.Title, ID: "urn:newsroom://" + d.ID, Updated: published(int64(i)).Format(time.RFC3339)}
		e.Content.Type, e.Content.Text = "text", d.Text
		feed.Entries = append(feed.Entries, e)
	}
	return feed
}

func (n *Newsroom) news(w http.ResponseWriter, r *http.Request) {
	page, err := strconv.ParseInt(r.URL.Query().Get("page"), 10, 64)
	if err != nil || page < 1 {
		http.Error(w, `{"status":"error","message":"a page is needed"}`, http.StatusBadRequest)
		return
	}
	documents, err := n.page(page - 1)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	type article struct {
		Source struct {
			Name string `json:"name"`
		} `json:"source"`
		Title   string `json:"title"`
		URL     string `json:"url"`
		Content string `json:"content"`
	}
	answer := struct {
		Status       string    `json:"status"`
		TotalResults int64     `json:"totalResults"`
		Articles     []article `json:"articles"`
	}{"ok", n.Total, []article{}}
	for _, d := range documents {
		a := article{Title: d.Title, URL: "news://article/" + d.ID, Content: d.Text}
		a.Source.Name = d.Source
		answer.Articles = append(answer.Articles, a)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client that is gone has nothing to be told
}
