// Processor is the AI-data pipeline as a service: it takes documents by HTTP
// and from feeds, a news API and a folder, finds what they speak of, embeds
// them, keeps the vectors, and publishes them.
//
//	processor -addr 127.0.0.1:8080 -pprof 127.0.0.1:6060 -data DIR
//	          [-corpus DIR] [-feed URL]… [-news URL] [-embedder URL] [-publish URL]
//
// The environment has what is no address: PROCESSOR_EMBEDDER_MODEL and
// PROCESSOR_EMBEDDER_KEY for the server of embeddings, PROCESSOR_MAX_BODY for
// the largest body of a request, in bytes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/heapdrift/heapdrift/pipeline/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: 0 after a stop that was asked for, 1 when it failed, 2
// when it was started wrongly.
func run(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) int {
	cfg, err := parse(args, getenv, stderr)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		fmt.Fprintln(stderr, "processor:", err)
		return 2
	}
	cfg.Log = log.New(stderr, "", log.LstdFlags)
	if err := service.Run(ctx, cfg); err != nil {
		fmt.Fprintln(stderr, "processor:", err)
		return 1
	}
	return 0
}

func parse(args []string, getenv func(string) string, stderr io.Writer) (service.ProgramConfig, error) {
	cfg := service.ProgramConfig{
		EmbedderModel: getenv("PROCESSOR_EMBEDDER_MODEL"),
		EmbedderKey:   getenv("PROCESSOR_EMBEDDER_KEY"),
	}
	flags := flag.NewFlagSet("processor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "Usage: processor -data DIR [flags]")
		flags.PrintDefaults()
	}
	flags.StringVar(&cfg.Addr, "addr", "127.0.0.1:8080", "`address` of the API and of /metrics")
	flags.StringVar(&cfg.Pprof, "pprof", "127.0.0.1:6060", "`address` of /debug/pprof; do not open it to strangers")
	flags.StringVar(&cfg.Data, "data", "", "`folder` of the store; made if it is not there")
	flags.StringVar(&cfg.Corpus, "corpus", "", "`folder` of text, Markdown and HTML files to take in")
	flags.Func("feed", "`URL` of an RSS or Atom feed; may be given several times", func(s string) error {
		cfg.Feeds = append(cfg.Feeds, s)
		return nil
	})
	flags.StringVar(&cfg.News, "news", "", "`URL` of a news API with pages of JSON")
	flags.StringVar(&cfg.Embedder, "embedder", "", "`URL` of an OpenAI-compatible server of embeddings (default: built in)")
	flags.StringVar(&cfg.Publish, "publish", "", "`URL` that gets a POST of every stored document")
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	if flags.NArg() > 0 || cfg.Data == "" {
		return cfg, fmt.Errorf("-data FOLDER is needed, and nothing may follow the flags; see -help")
	}
	if s := getenv("PROCESSOR_MAX_BODY"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 1 {
			return cfg, fmt.Errorf("PROCESSOR_MAX_BODY is %q: it must be a number of bytes", s)
		}
		cfg.MaxBody = n
	}
	return cfg, nil
}
