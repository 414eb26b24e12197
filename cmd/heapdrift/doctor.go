package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
)

func (a *app) doctor() *cobra.Command {
	var access pprofFlags
	cmd := &cobra.Command{
		Use:   "doctor URL",
		Short: "Show what a target offers, and what is missing for a verdict",
		Long: `Show what a target offers, and what is missing for a verdict, each with its
remedy. Ends with 0 when a verdict has all that it needs, with 3 when it does
not, with 4 when the target cannot be asked.`,
		Example: `  heapdrift doctor localhost:6060
  heapdrift doctor unix:/run/app/pprof.sock`,
		Args: exactly("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := access.config(args[0])
			if err != nil {
				return err
			}
			c, err := capture.New(cfg)
			if err != nil {
				return err
			}
			defer c.Close()
			offer, err := c.Offer(cmd.Context())
			if err != nil {
				return err
			}
			a.code = exit.Clean
			for _, f := range offer.Missing() {
				if f.Needed {
					a.code = exit.Inconclusive
				}
			}
			if err := writeOffer(a.out, offer); err != nil && !errors.Is(err, a.out.err) {
				return err
			}
			return nil
		},
	}
	access.bind(cmd.Flags())
	return cmd
}

// writeOffer prints what a target offers: a line for each piece, and below
// what is missing, what to do.
func writeOffer(w io.Writer, o *capture.Offer) error {
	var b strings.Builder
	b.WriteString(o.URL)
	for _, s := range []string{o.Target.Name, o.Target.GoVersion} {
		if s != "" {
			b.WriteString(" · " + s)
		}
	}
	if o.Target.PID > 0 {
		fmt.Fprintf(&b, " · pid %d", o.Target.PID)
	}
	b.WriteString("\n\n")
	width, needed := 0, 0
	for _, f := range o.Features {
		width = max(width, len(f.Piece))
	}
	for _, f := range o.Features {
		mark := "✓"
		switch {
		case !f.Offered && f.Needed:
			mark = "✗"
			needed++
		case !f.Offered:
			mark = "–"
		}
		fmt.Fprintf(&b, "%s %-*s   %s\n", mark, width, f.Piece, f.Detail)
		if !f.Offered {
			fmt.Fprintf(&b, "  %-*s   it %s; %s\n", width, "", f.For, f.Remedy)
		}
	}
	switch needed {
	case 0:
		b.WriteString("\nAll that a verdict needs is there.\n")
	case 1:
		b.WriteString("\n1 thing that a verdict needs is missing.\n")
	default:
		fmt.Fprintf(&b, "\n%d things that a verdict needs are missing.\n", needed)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
