package source

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/mmcdole/gofeed"
	"github.com/zeebo/xxh3"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/markup"
)

// Feed is an RSS or Atom feed.
type Feed struct {
	client  *Client
	address string
	seen    validators
}

// NewFeed makes the source of the feed at an address.
func NewFeed(client *Client, address string) *Feed {
	return &Feed{client: client, address: address}
}

// Name is the feed's address.
func (f *Feed) Name() string { return redact(f.address) }

// Kind is "feed".
func (f *Feed) Kind() string { return "feed" }

// Forget makes the server send the feed again, changed or not.
func (f *Feed) Forget(string) { f.seen = validators{} }

// Poll reads the feed, unless the server says that it has not changed.
func (f *Feed) Poll(ctx context.Context, deliver func(pipeline.Document)) (Round, error) {
	var feed *gofeed.Feed
	a, err := f.client.get(ctx, f.address, &f.seen, func(r io.Reader) error {
		var err error
		feed, err = parseFeed(r)
		return err
	})
	round := Round{Bytes: a.bytes, Unchanged: a.unchanged}
	if err != nil || a.unchanged {
		return round, err
	}
	for i, item := range feed.Items {
		feed.Items[i] = nil // it may go as soon as its document is stored
		if item != nil {
			deliver(document(f.address, feed.Title, item))
		}
		if ctx.Err() != nil {
			return round, ctx.Err()
		}
	}
	return round, nil
}

// parseFeed reads a feed of any version. What the library makes of input that
// it was not made for is an error like any other.
func parseFeed(r io.Reader) (feed *gofeed.Feed, err error) {
	defer func() {
		if p := recover(); p != nil {
			feed, err = nil, fmt.Errorf("%w: the parser gave up: %v", ErrMalformed, p)
		}
	}()
	feed, err = gofeed.NewParser().Parse(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return feed, nil
}

// document makes a document of a feed's item: the longer of its texts, without
// markup.
func document(address, feedTitle string, item *gofeed.Item) pipeline.Document {
	raw := item.Content
	if len(raw) < len(item.Description) {
		raw = item.Description
	}
	text := plain(raw)
	title := strings.Join(strings.Fields(plain(item.Title)), " ")
	name := cmp.Or(item.GUID, item.Link, fmt.Sprintf("%016x", xxh3.HashString(title+"\x00"+text)))
	return pipeline.Document{
		ID:     identify(address, strings.TrimSpace(name)),
		Source: cmp.Or(plain(feedTitle), redact(address)),
		Title:  title,
		Text:   text,
	}
}

// plain returns s without markup, as valid UTF-8.
func plain(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsAny(s, "<&") {
		return s
	}
	text, _ := markup.Strip(s)
	return text
}
