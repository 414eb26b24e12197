package config

import (
	"regexp"

	"github.com/heapdrift/heapdrift/analyzer/gate"
)

// name of a scenario: it is also that of a folder, and it is typed.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// file describes the whole.
func file(f *File) kind {
	f.Retries = 1
	return object(
		key{"scenarios", "what is run, one after the other", true, listOf(&f.Scenarios, 1, scenario)},
		key{"baseline", "file of what the scenarios kept before, written by `heapdrift baseline update`", false, text(&f.Baseline)},
		key{"suppress", "leaks that are known and accepted for a while", false, listOf(&f.Suppress, 0, suppression)},
		key{"fail_on", "what fails: growth, or only what is proved, which a cache that is not full yet never is (default growth)", false, proof(&f.FailOn)},
		key{"canary", "plant a leak a little above the budget first: a gate that does not see it is no gate", false, flag(&f.Canary)},
		key{"retries", "further runs of a scenario that is undecided; never of one that failed (default 1)", false, whole(&f.Retries, 0, 10)},
		key{"time_cap", "of the whole gate, as 10m: what was not decided by then is undecided", false, duration(&f.TimeCap)},
	)
}

func suppression(s *gate.Suppression) kind {
	return object(
		key{"site", "pattern over the culprit's function: * is any text, as in metrics.(*Registry).*", true, text(&s.Site)},
		key{"reason", "why it is accepted", true, text(&s.Reason)},
		key{"expires", "the last day that it holds, as 2027-03-31", true, day(&s.Expires)},
	)
}

func scenario(s *Scenario) kind {
	o := object(
		key{"name", "of the scenario, for --scenario, the baseline and the folder of the recording", true, matching(&s.Name, namePattern, "letters, digits, dots, dashes and underscores, as in ingest-small")},
		key{"command", "program to start and its arguments; it is ended after the run", false, words(&s.Command)},
		key{"dir", "folder that the command is started in (default: that of this file)", false, text(&s.Dir)},
		key{"env", "added to the command's environment", false, textMap(&s.Env)},
		key{"pprof", "address of pprof: :6060, http://host:6060, unix:/path (default for a command: localhost:6060, else the ports it listens on)", false, text(&s.Pprof)},
		key{"pprof_header", "headers of each request to pprof; ${NAME} is taken from the environment", false, headers(&s.PprofHeader)},
		key{"metrics", "URL of the target's Prometheus metrics, where they are not on the pprof port", false, text(&s.Metrics)},
		key{"lab", "one of heapdrift's own scenarios, in place of a command: see `heapdrift lab list`", false, text(&s.Lab)},
		key{"variant", "of the lab's scenario (default leaky)", false, oneOf(&s.Variant, "leaky", "fixed")},
		key{"keep", "has the lab's scenario keep so many bytes of each operation besides: a regression of known size, to try a gate with", false, anySize(&s.Keep)},
		key{"load", "what is asked of the target, and when", false, load(&s.Load)},
		key{"ops_metric", "counter in the target's metrics that counts operations, where the load is somebody else's", false, text(&s.OpsMetric)},
		key{"budgets", "what the run may come to; live bytes and goroutines may not grow where nothing is said", false, budgets(&s.Budgets)},
		key{"clean_below", "growth per operation that counts as none once it is bounded below this", false, object(
			key{"bytes", "bytes per operation (default 64), or by time, as 10MiB/day", false, bytesOrRate(&s.Clean.Bytes, &s.Clean.BytesPerSecond)},
			key{"objects", "objects per operation (default 1)", false, number(&s.Clean.Objects)},
			key{"goroutines", "goroutines per operation (default 0.01)", false, number(&s.Clean.Goroutines)},
		)},
		key{"tolerance", "growth per operation below which nothing is a leak (default 1 B)", false, optional(&s.Tolerance, size)},
		key{"limit", "memory limit of the process, for the forecast, as 512MiB", false, size(&s.Limit)},
		key{"module", "import path prefix of your own code, for naming the culprit", false, text(&s.Module)},
		key{"memprofilerate", "sampling rate of the command's heap profile, bytes a sample (default 16384; 0 leaves it alone)", false, optionalWhole(&s.MemProfileRate, 0, 1<<30)},
		key{"strict_rate", "a load that missed its rate is no pass", false, flag(&s.StrictRate)},
		key{"canary", "as above, for this scenario alone", false, optionalFlag(&s.Canary)},
		key{"retries", "as above, for this scenario alone", false, optionalWhole(&s.Retries, 0, 10)},
	)
	o.remember = func(at Position, keys map[string]Position) { s.At, s.keys = at, keys }
	o.rules = scenarioRules(s)
	return o
}

func load(l *Load) kind {
	return object(
		key{"url", "what is asked", false, seen(&l.HasURL, text(&l.URL))},
		key{"method", "of the requests (default GET, with a body POST)", false, text(&l.Method)},
		key{"body", "file that is the requests' body; of a folder, its files in turn", false, text(&l.Body)},
		key{"header", "headers of each request; ${NAME} is taken from the environment", false, headers(&l.Header)},
		key{"targets", "file of requests in vegeta's http format, in place of url, asked in turn", false, seen(&l.HasTargets, text(&l.Targets))},
		key{"http2", "speak HTTP/2 only, also over http (h2c)", false, flag(&l.HTTP2)},
		key{"unix_socket", "path of the socket that the load connects to, whatever the URL's host", false, text(&l.Socket)},
		key{"ca", "file of authorities that an https target's certificate is checked against, PEM", false, text(&l.TLS.CA)},
		key{"cert", "file of the load's client certificate, PEM", false, text(&l.TLS.Cert)},
		key{"key", "file of the client certificate's key, PEM", false, text(&l.TLS.Key)},
		key{"insecure", "do not check an https target's certificate", false, flag(&l.TLS.Insecure)},
		key{"rate", "arrivals a second, as 200; 50..400 ramps, \"100,200,400\" are steps (default 200)", false, rate(&l.Rate)},
		key{"arrivals", "evenly spaced, or at random as from many clients", false, arrivals(&l.Poisson)},
		key{"for", "steady time; warm-up and drain come in addition (default 60s)", false, optional(&l.For, duration)},
		key{"warmup", "time under load before it counts (default 5s)", false, optional(&l.Warmup, anyDuration)},
		key{"drain", "time without load at the end (default 5s)", false, optional(&l.Drain, anyDuration)},
		key{"passes", "times the content is repeated, under fresh ids, within the steady time (default 1)", false, optionalWhole(&l.Passes, 1, 100)},
		key{"every", "time between snapshots (default: steady time / 20, at least 1s)", false, optional(&l.Every, duration)},
		key{"max_in_flight", "operations under way at once, at most (default 256)", false, optionalWhole(&l.MaxInFlight, 1, 1<<20)},
		key{"queue", "arrivals that may wait with their intended time, before they are shed (default: 10 s worth)", false, optionalWhole(&l.Queue, 0, 1<<30)},
		key{"quiesce", "hold arrivals at each snapshot until none is in flight", false, optionalFlag(&l.Quiesce)},
	)
}

func budgets(b *gate.Limits) kind {
	o := object(
		key{gate.NameLiveBytes, "bytes that may stay live after each operation", false, optional(&b.LiveBytesPerOp, anySize)},
		key{gate.NameLiveObjects, "objects, likewise", false, optional(&b.LiveObjectsPerOp, anyNumber)},
		key{gate.NameGoroutines, "goroutines, likewise", false, optional(&b.GoroutinesPerOp, anyNumber)},
		key{gate.NameBytesSecond, "growth of the live heap, bytes a second", false, optional(&b.BytesPerSecond, anySize)},
		key{gate.NameAllocated, "bytes that each operation may allocate, kept or not", false, optional(&b.AllocatedBytesPerOp, anySize)},
		key{gate.NamePeakHeap, "the highest live heap, as 200MiB", false, optional(&b.PeakLiveHeap, anySize)},
		key{gate.NameRSSPeak, "the highest resident set, as 400MiB", false, optional(&b.RSSPeak, anySize)},
		key{gate.NameP99, "99 % of the operations are faster, from their intended time on, as 50ms", false, optional(&b.P99, milliseconds)},
		key{gate.NameErrorRate, "share of the operations that may fail, as 1% or 0.01", false, optional(&b.ErrorRate, share)},
	)
	o.also = map[string]string{"objects_per_op": gate.NameLiveObjects, "bytes_per_op": gate.NameLiveBytes, "peak_rss": gate.NameRSSPeak}
	return o
}
