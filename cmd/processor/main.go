// Processor is the AI-data pipeline as a service: it takes documents by HTTP,
// cuts and embeds them, and keeps the vectors.
//
//	processor -addr 127.0.0.1:8080 -pprof 127.0.0.1:6060 -data DIR [-corpus DIR]
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/heapdrift/heapdrift/pipeline/service"
)

func main() {
	cfg := service.ProgramConfig{Log: log.New(os.Stderr, "", log.LstdFlags)}
	flags := flag.NewFlagSet("processor", flag.ExitOnError)
	flags.StringVar(&cfg.Addr, "addr", "127.0.0.1:8080", "`address` of the API and of /metrics")
	flags.StringVar(&cfg.Pprof, "pprof", "127.0.0.1:6060", "`address` of /debug/pprof; do not open it to strangers")
	flags.StringVar(&cfg.Data, "data", "", "`folder` of the store; made if it is not there")
	flags.StringVar(&cfg.Corpus, "corpus", "", "`folder` of .txt and .md files to take in at the start")
	_ = flags.Parse(os.Args[1:]) // ExitOnError: it does not return an error
	if flags.NArg() > 0 || cfg.Data == "" {
		fmt.Fprintln(flags.Output(), "processor: -data FOLDER is needed, and nothing may follow the flags")
		flags.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := service.Run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "processor:", err)
		os.Exit(1)
	}
}
