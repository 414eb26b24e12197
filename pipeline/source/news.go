package source

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/heapdrift/heapdrift/pipeline"
)

// maxPages bounds how many pages of a news API one poll reads.
const maxPages = 1000

// News is a news API with pages of JSON, as NewsAPI and those like it serve it:
//
//	GET address?page=1 → {"status":"ok","totalResults":120,"articles":[
//	  {"source":{"name"},"title","description","url","content"}, …]}
//
// Pages are asked for until one is empty, until totalResults are read, or
// until the API names no further one. Where the answer has a field "next", an
// address or null, that is followed instead of counting.
type News struct {
	client  *Client
	address *url.URL
}

// NewNews makes the source of the API at an address; parameters in it, such as
// a key, are sent along.
func NewNews(client *Client, address string) (*News, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("news API %q: it is no address of a server; write http://host/path", redact(address))
	}
	return &News{client: client, address: u}, nil
}

// Name is the API's address without its parameters: they may hold a key.
func (n *News) Name() string {
	u := *n.address
	u.RawQuery = ""
	return u.Redacted()
}

// Kind is "news".
func (n *News) Kind() string { return "news" }

// page is one answer of the API.
type page struct {
	Status       string    `json:"status"`
	Message      string    `json:"message"`
	TotalResults int       `json:"totalResults"`
	Next         next      `json:"next"`
	Articles     []article `json:"articles"`
}

// next is an address, or null, or not there.
type next struct {
	said    bool
	address string
}

// UnmarshalJSON notes that the field is there; null leaves the address empty.
func (n *next) UnmarshalJSON(b []byte) error {
	n.said = true
	return json.Unmarshal(b, &n.address)
}

type article struct {
	ID          string `json:"id"`
	URL         string `json:"url"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Content     string `json:"content"`
	Source      struct {
		Name string `json:"name"`
	} `json:"source"`
}

// Forget does nothing: every poll reads all pages.
func (n *News) Forget(string) {}

// Poll reads all pages.
func (n *News) Poll(ctx context.Context, deliver func(pipeline.Document)) (Round, error) {
	var round Round
	read := 0
	address := n.numbered(1)
	for number := 1; number <= maxPages; number++ {
		var p page
		a, err := n.client.get(ctx, address.String(), nil, func(r io.Reader) error {
			var err error
			p, err = parsePage(r)
			return err
		})
		round.Bytes += a.bytes
		if err != nil {
			return round, fmt.Errorf("page %d: %w", number, hide(err, address, n.Name()))
		}
		for _, a := range p.Articles {
			deliver(n.document(a))
			if ctx.Err() != nil {
				return round, ctx.Err()
			}
		}
		read += len(p.Articles)
		switch {
		case p.Next.address != "":
			next, err := address.Parse(p.Next.address)
			if err != nil || next.Host != n.address.Host {
				return round, fmt.Errorf("page %d: %w: its next page is at another server or at none", number, ErrMalformed)
			}
			address = next
		case len(p.Articles) == 0, p.TotalResults > 0 && read >= p.TotalResults, p.Next.said:
			return round, nil
		default:
			address = n.numbered(number + 1)
		}
	}
	return round, fmt.Errorf("%w: it has more than %d pages", ErrTooLarge, maxPages)
}

// hide takes an address with its parameters out of an error.
func hide(err error, address *url.URL, name string) error {
	return &hidden{err: err, text: strings.ReplaceAll(err.Error(), address.Redacted(), name)}
}

type hidden struct {
	err  error
	text string
}

func (h *hidden) Error() string { return h.text }
func (h *hidden) Unwrap() error { return h.err }

func (n *News) numbered(page int) *url.URL {
	u := *n.address
	q := u.Query()
	q.Set("page", strconv.Itoa(page))
	u.RawQuery = q.Encode()
	return &u
}

// parsePage reads one answer.
func parsePage(r io.Reader) (page, error) {
	var p page
	dec := json.NewDecoder(r)
	if err := dec.Decode(&p); err != nil {
		return page{}, fmt.Errorf("%w: read JSON: %w", ErrMalformed, err)
	}
	if p.Status != "" && p.Status != "ok" {
		return page{}, fmt.Errorf("%w: the API says %q: %.200s", ErrMalformed, p.Status, p.Message)
	}
	return p, nil
}

func (n *News) document(a article) pipeline.Document {
	text := plain(a.Content)
	if lead := plain(a.Description); len(text) < len(lead) {
		text = lead
	}
	title := strings.Join(strings.Fields(plain(a.Title)), " ")
	name := cmp.Or(a.URL, a.ID, fmt.Sprintf("%016x", xxh3.HashString(title+"\x00"+text)))
	return pipeline.Document{
		ID:     identify(n.Name(), name),
		Source: cmp.Or(plain(a.Source.Name), n.Name()),
		Title:  title,
		Text:   text,
	}
}
