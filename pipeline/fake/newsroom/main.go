// Newsroom serves a folder of documents on loopback as an RSS feed, an Atom
// feed and a news API that bring the next of them each time that they are asked:
// the folder over and over, under ids that never repeat. Beside them stand an
// embedding server and a downstream. It is what the soak of the processor reads.
//
//	newsroom -corpus DIR [-addr 127.0.0.1:0] [-total 100000] [-page 400]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/fake"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "`address` to listen on")
	dir := flag.String("corpus", "", "`folder` of documents; without one they are generated")
	total := flag.Int64("total", 100_000, "documents that there are")
	page := flag.Int64("page", 400, "documents of a feed or a page")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := serve(ctx, *addr, *dir, *total, *page)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "newsroom:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, addr, dir string, total, page int64) error {
	if total < 1 || page < 1 {
		return fmt.Errorf("%d documents, %d a page: both must be above 0", total, page)
	}
	document := func(seq int64) (pipeline.Document, error) { return corpus.DefaultGenerator(1).Document(seq), nil }
	if dir != "" {
		folder, err := corpus.OpenFolder(dir)
		if err != nil {
			return err
		}
		document = func(seq int64) (pipeline.Document, error) { return held(folder, seq) }
	}
	mux := http.NewServeMux()
	mux.Handle("/", (&fake.Newsroom{Document: document, Total: total, PerPage: page, Moving: true}).Handler())
	mux.Handle("/v1/embeddings", &fake.Embeddings{})
	mux.Handle("/publish", &fake.Downstream{})
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// held is document seq of a folder without what is too large for a feed.
func held(folder *corpus.Folder, seq int64) (pipeline.Document, error) {
	doc, err := folder.Document(seq)
	if c, ok := doc.Rest.(interface{ Close() error }); ok {
		_ = c.Close() // it was not read
		doc.Rest = nil
		doc.Text = "This document is too large for a feed."
	}
	return doc, err
}
