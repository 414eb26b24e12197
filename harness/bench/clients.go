//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/heapdrift/heapdrift/harness"
)

// order is what a client is to do.
type order struct {
	url       string
	rate      float64 // arrivals a second; 0: as fast as the workers can
	n         int64   // requests
	workers   int     // at most, at once
	unlimited bool    // vegeta may start more workers than these
	precise   bool    // of heapdrift
	profile   string
}

func parseOrder(args []string) (order, error) {
	var o order
	fs := flag.NewFlagSet("client", flag.ContinueOnError)
	fs.StringVar(&o.url, "url", "", "")
	fs.Float64Var(&o.rate, "rate", 0, "")
	fs.Int64Var(&o.n, "n", 100_000, "")
	fs.IntVar(&o.workers, "workers", 64, "")
	fs.BoolVar(&o.unlimited, "unlimited", false, "")
	fs.BoolVar(&o.precise, "precise", false, "")
	fs.StringVar(&o.profile, "cpuprofile", "", "")
	return o, fs.Parse(args)
}

// asFastAsPossible stands for it in an open loop: what all workers are busy
// for waits.
const asFastAsPossible = 1e6

func clientOurs(ctx context.Context, args []string) error {
	o, err := parseOrder(args)
	if err != nil {
		return err
	}
	target, err := harness.NewHTTP(harness.HTTPConfig{URL: o.url, MaxConns: o.workers, Resting: o.workers})
	if err != nil {
		return err
	}
	defer target.Close()
	return clientLoad(ctx, target, o)
}

// clientNoop is the open loop in process, against a function that does nothing.
func clientNoop(ctx context.Context, args []string) error {
	o, err := parseOrder(args)
	if err != nil {
		return err
	}
	return clientLoad(ctx, harness.TargetFunc(func(context.Context, harness.Op) error { return nil }), o)
}

func clientLoad(ctx context.Context, target harness.Target, o order) error {
	rate := o.rate
	if rate == 0 {
		rate = asFastAsPossible
	}
	l, err := harness.New(target, harness.Plan{
		Rate:        harness.Rate{From: rate, To: rate},
		Steady:      time.Duration(float64(o.n) / rate * 1e9),
		MaxInFlight: o.workers, Queue: int(o.n), QuiesceTimeout: time.Minute, Precise: o.precise,
	})
	if err != nil {
		return err
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	before, cpu, begin := mallocs(), cpuSeconds(), time.Now()
	res, err := l.Run(ctx)
	if err != nil {
		return err
	}
	f := figures{CPU: cpuSeconds() - cpu, Seconds: time.Since(begin).Seconds(), Requests: res.Counts.Completed, Errors: res.Counts.Errors,
		P50: res.Steady.Latency.P50, P99: res.Steady.Latency.P99, Valid: res.Valid, LagP50: res.StartLag.P50, LagP99: res.StartLag.P99}
	f.Mallocs = float64(mallocs()-before) / float64(max(f.Requests, 1))
	return report(f)
}

// upTo is a pacer that ends after n hits.
type upTo struct {
	vegeta.Pacer
	n uint64
}

func (u upTo) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	if hits >= u.n {
		return 0, true
	}
	return u.Pacer.Pace(elapsed, hits)
}

func clientVegeta(_ context.Context, args []string) error {
	o, err := parseOrder(args)
	if err != nil {
		return err
	}
	options := []func(*vegeta.Attacker){vegeta.Workers(uint64(o.workers)), vegeta.Connections(o.workers), vegeta.KeepAlive(true)}
	if !o.unlimited {
		options = append(options, vegeta.MaxWorkers(uint64(o.workers)))
	}
	attacker := vegeta.NewAttacker(options...)
	pacer := upTo{vegeta.Rate{Freq: int(o.rate), Per: time.Second}, uint64(o.n)} // Freq 0: as fast as possible
	targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: "GET", URL: o.url})
	var m vegeta.Metrics
	before, cpu, begin := mallocs(), cpuSeconds(), time.Now()
	for res := range attacker.Attack(targeter, pacer, 0, "") {
		m.Add(res)
	}
	m.Close()
	f := figures{CPU: cpuSeconds() - cpu, Seconds: time.Since(begin).Seconds(), Requests: int64(m.Requests),
		Errors: int64(m.Requests) - int64(m.StatusCodes["200"]), P50: m.Latencies.P50, P99: m.Latencies.P99, Valid: true}
	f.Mallocs = float64(mallocs()-before) / float64(max(f.Requests, 1))
	return report(f)
}

// clientTicks calls a function that does nothing in the way in which vegeta
// lets its requests go, which it does for HTTP alone: its pacer, a sleep for
// each hit, and an unbuffered channel to the workers. It ends with the time
// that the hits should take, however many have come.
func clientTicks(_ context.Context, args []string) error {
	o, err := parseOrder(args)
	if err != nil {
		return err
	}
	nothing := harness.TargetFunc(func(context.Context, harness.Op) error { return nil })
	pacer := vegeta.Rate{Freq: int(o.rate), Per: time.Second}
	long := time.Duration(float64(o.n) / o.rate * 1e9)
	before, cpu, begin := mallocs(), cpuSeconds(), time.Now()
	ticks := make(chan struct{})
	var wg sync.WaitGroup
	for range o.workers {
		wg.Go(func() {
			for range ticks {
				at := time.Now()
				_ = nothing.Do(context.Background(), harness.Op{})
				_ = time.Since(at) // its latency
			}
		})
	}
	count := uint64(0)
	for count < uint64(o.n) {
		elapsed := time.Since(begin)
		if elapsed > long {
			break
		}
		wait, stop := pacer.Pace(elapsed, count)
		if stop {
			break
		}
		time.Sleep(wait)
		ticks <- struct{}{}
		count++
	}
	close(ticks)
	wg.Wait()
	f := figures{CPU: cpuSeconds() - cpu, Seconds: time.Since(begin).Seconds(), Requests: int64(count), Valid: count >= uint64(o.n)}
	f.Mallocs = float64(mallocs()-before) / float64(max(f.Requests, 1))
	return report(f)
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// arguments makes the arguments of a client from an order.
func (o order) arguments() []string {
	args := []string{"-url", o.url, "-rate", fmt.Sprint(o.rate), "-n", fmt.Sprint(o.n), "-workers", fmt.Sprint(o.workers)}
	if o.unlimited {
		args = append(args, "-unlimited")
	}
	if o.precise {
		args = append(args, "-precise")
	}
	return args
}
