//go:build unix

package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

const (
	rounds  = 5
	workers = 64
)

// verdict is the last column of a row.
func verdict(ok bool, want string) string {
	if ok {
		return "  ok, required " + want
	}
	return "  NOT MET, required " + want
}

func table(head ...string) *tabwriter.Writer {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, strings.Join(head, "\t")+"\t")
	return w
}

// tableHTTP is the CPU time of the client's process for 100,000 requests to
// the same server, 64 at once as fast as they go, and at a rate that both hold.
// The rounds alternate; the ratio is the median of the rounds' ratios.
func tableHTTP(ctx context.Context) error {
	url, stop, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Printf("HTTP: CPU seconds of the client for 100,000 requests, at most %d at once (median of %d rounds)\n", workers, rounds)
	w := table("load", "heapdrift", "vegeta", "ratio", "lowest", "highest", "mallocs/op", "vegeta's", "")
	for _, load := range []struct {
		name     string
		rate     float64
		n        int64
		required float64
	}{{"as fast as it goes", 0, 50_000, 0.7}, {"open loop, 3,000/s", 3000, 9_000, 0}} {
		var ours, theirs, ratios []float64
		var a, b figures
		for range rounds {
			o := order{url: url, rate: load.rate, n: load.n, workers: workers}
			if a, err = client(ctx, "client-heapdrift", o.arguments()...); err != nil {
				return err
			}
			if b, err = client(ctx, "client-vegeta", o.arguments()...); err != nil {
				return err
			}
			x, y := a.CPU/float64(a.Requests)*1e5, b.CPU/float64(b.Requests)*1e5
			ours, theirs, ratios = append(ours, x), append(theirs, y), append(ratios, x/y)
		}
		ratio, last := median(ratios), ""
		if load.required > 0 {
			last = verdict(ratio <= load.required, fmt.Sprintf("≤ %.1f", load.required))
		}
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f\t%s\n", load.name, median(ours), median(theirs), ratio,
			least(ratios), greatest(ratios), a.Mallocs, b.Mallocs, last)
	}
	return w.Flush()
}

// tableNoop is the cost of an operation that does nothing.
func tableNoop(ctx context.Context) error {
	fmt.Printf("In process, a function that does nothing, open loop (median of %d rounds of 3 s)\n", rounds)
	w := table("rate", "CPU ns/op", "lowest", "highest", "allocations/op", "count error", "p99", "vegeta's way", "its rate", "ratio", "")
	for _, load := range []struct {
		rate     float64
		required float64
	}{{1e6, 100}, {2e5, 0}} {
		var cpu, lost, theirs, reached, ratios []float64
		var f figures
		for range rounds {
			var err error
			o := order{rate: load.rate, n: int64(3 * load.rate), workers: workers}
			if f, err = client(ctx, "client-noop", o.arguments()...); err != nil {
				return err
			}
			cpu = append(cpu, f.CPU/float64(f.Requests)*1e9)
			lost = append(lost, math.Abs(float64(f.Requests-o.n))/float64(o.n))
			o.n = int64(load.rate) // a second of it is enough
			b, err := client(ctx, "client-ticks", o.arguments()...)
			if err != nil {
				return err
			}
			theirs = append(theirs, b.CPU/float64(b.Requests)*1e9)
			reached = append(reached, float64(b.Requests)/b.Seconds)
			ratios = append(ratios, cpu[len(cpu)-1]/theirs[len(theirs)-1])
		}
		last := ""
		if load.required > 0 {
			last = verdict(median(cpu) <= load.required && f.Mallocs < 0.01, fmt.Sprintf("≤ %.0f and 0 allocations", load.required))
		}
		fmt.Fprintf(w, "%.0f/s\t%.1f\t%.1f\t%.1f\t%.4f\t%.3f %%\t%v\t%.0f ns\t%.0f/s\t%.2f\t%s\n", load.rate, median(cpu), least(cpu), greatest(cpu),
			f.Mallocs, 100*greatest(lost), f.P99, median(theirs), median(reached), median(ratios), last)
	}
	return w.Flush()
}

// tablePrecise is how late operations start.
func tablePrecise(ctx context.Context) error {
	fmt.Println("Start of an operation after its intended time, in process, 500/s for 4 s")
	w := table("pacing", "p50", "p99", "CPU ms/s", "")
	for _, precise := range []bool{false, true} {
		f, err := client(ctx, "client-noop", order{rate: 500, n: 2000, workers: workers, precise: precise}.arguments()...)
		if err != nil {
			return err
		}
		name, last := "usual", ""
		if precise {
			name, last = "precise", verdict(f.LagP50 <= 30*time.Microsecond, "about 20 µs")
		}
		fmt.Fprintf(w, "%s\t%v\t%v\t%.1f\t%s\n", name, f.LagP50, f.LagP99, 1000*f.CPU/f.Seconds, last)
	}
	return w.Flush()
}

// tableCount is how many requests were made of those that the rate asks for,
// in the time that it asks for.
func tableCount(ctx context.Context) error {
	url, stop, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Println("Count of requests over 10 s against a server that answers at once")
	w := table("rate", "heapdrift", "error", "vegeta's", "p99", "vegeta's", "")
	for _, rate := range []float64{1000, 5000} {
		o := order{url: url, rate: rate, n: int64(10 * rate), workers: workers}
		a, err := client(ctx, "client-heapdrift", o.arguments()...)
		if err != nil {
			return err
		}
		b, err := client(ctx, "client-vegeta", o.arguments()...)
		if err != nil {
			return err
		}
		lost := countError(a, rate)
		ok := lost <= 0.001 && a.Valid
		fmt.Fprintf(w, "%.0f/s\t%d\t%.3f %%\t%.3f %%\t%v\t%v\t%s\n", rate, a.Requests, 100*lost, 100*countError(b, rate), a.P99, b.P99, verdict(ok, "≤ 0.1 %"))
	}
	return w.Flush()
}

// countError compares the requests with the rate times the time that they took:
// a generator that falls behind takes longer. Starting and ending take 20 ms.
func countError(f figures, rate float64) float64 {
	want := rate * max(f.Seconds-0.02, 10)
	return math.Abs(float64(f.Requests)-want) / want
}

// tableStall is the 99th percentile that is reported for a server that stands
// still 1 s in every 5. Of all arrivals one in five falls into a stall and waits for
// what is left of it, 0 to 1 s evenly: the 99th percentile of all is the 95th of
// those, 950 ms.
func tableStall(ctx context.Context) error {
	const truth = 950 * time.Millisecond
	fmt.Println("A server that stands still 1 s in every 5, at 1,000/s for 20 s: the true p99 is 950 ms")
	w := table("client", "at most at once", "p99", "off by", "p50", "")
	row := func(name, part string, n int, judged bool) error {
		url, stop, err := startServer(ctx, "stall")
		if err != nil {
			return err
		}
		defer stop()
		f, err := client(ctx, part, order{url: url, rate: 1000, n: 20_000, workers: n}.arguments()...)
		if err != nil {
			return err
		}
		off, last := float64(f.P99-truth)/float64(truth), ""
		if judged {
			last = verdict(math.Abs(off) <= 0.05, "within 5 %")
		}
		fmt.Fprintf(w, "%s\t%d\t%.1f ms\t%+.1f %%\t%.2f ms\t%s\n", name, n, ms(f.P99), 100*off, ms(f.P50), last)
		return nil
	}
	for _, n := range []int{16, 64, 1500} {
		if err := row("heapdrift", "client-heapdrift", n, true); err != nil {
			return err
		}
	}
	if err := row("vegeta", "client-vegeta", 16, false); err != nil {
		return err
	}
	return w.Flush()
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

func least(v []float64) float64 {
	m := v[0]
	for _, x := range v {
		m = min(m, x)
	}
	return m
}

func greatest(v []float64) float64 {
	m := v[0]
	for _, x := range v {
		m = max(m, x)
	}
	return m
}
