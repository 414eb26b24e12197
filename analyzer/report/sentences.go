package report

import (
	"cmp"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
)

// Reader says to whom a sentence is told: which names it can bear and which
// advice helps.
type Reader int

// The readers.
const (
	Script    Reader = iota // JSON: functions with their whole import paths; flags of `heapdrift run` are named
	Operator                // a run that heapdrift drives or records: short functions, flags named
	Archivist               // a recording made long ago or by another tool: short functions, no flags of `heapdrift run`
	Tester                  // go test: short functions, no flags, no GODEBUG advice
)

// sentences are what the codes of package detect say; it is only read. {name}
// is a figure of the reason (see telling.figures), and braces around a flag of
// `heapdrift run` hold what only readers who can give it are told.
var sentences = map[detect.Code]string{
	// Totals, and what they share with sites and groups.
	detect.AddedFromSamples:  "no exact counters: added up from the sampled profile",
	detect.NotRecorded:       "no snapshot of the steady phase has it",
	detect.TooFewSnapshots:   "{n snapshot} to judge; at least {of} are needed",
	detect.NoOperations:      "no operation was completed between the snapshots to judge",
	detect.OneMoment:         "the snapshots to judge are of one moment",
	detect.WithGoroutines:    "most of it is held by goroutines that end by themselves, or may, as connections do: watch it for longer than they live, and without load, to tell",
	detect.ContainersEnlarge: "bytes rise and objects do not: containers are enlarged, as by appending or by a cache that fills",
	detect.CountedAtSites:    "objects that were allocated and stayed make {share} of the growth, counted in the heap profile",
	detect.StepsNotTrend:     "a few steps tell the growth better than a line",
	detect.Rises:             "rises in {n} snapshots (tau {tau}, p {p})",
	detect.RisesUnevenly:     "rises in {n} snapshots (tau {tau}, p {p}), but not along a line (p {slope p})",
	detect.SlackensLate:      "the last third grew at {share} of the rate of the whole{as a cache}",
	detect.SlackensHalfway:   "the second half grew at {share} of the first half's rate{as a cache}",
	detect.SlackenedBefore:   "it grew {times} times as fast before, and that it goes on is not shown{as a cache}",
	detect.Fades:             "growth bends like an S, at {share} of its rate at the end{as a cache}",
	detect.FlatAtEnd:         "it is flat over the last {n snapshot}{as a cache}",
	detect.BytesSlacken:      "live bytes rise and slacken: objects alone make no leak",
	detect.Curves:            "it bends, growing like {work}s^{exponent} (98 %){as a cache}",
	detect.GrowsSince:        "grows since {clock}, not before",
	detect.BelowFloor:        "grew by {grew} in all, below the evidence floor of {floor}: run longer to judge it",
	detect.GoneAfterDrain:    "{part} of the growth went away in the drain",
	detect.MoreGoneThanGrew:  "more went away in the drain than had grown: what requests in flight hold all the time may hide a leak; hold the load still at each snapshot{ (--quiesce)} to tell",
	detect.RetainedAtSites:   "the sites that grew retain {share} of the growth after the drain; what went away was there before",
	detect.KeptAfterDrain:    "kept after the drain",
	detect.SecondPassFlat:    "it grew in the first pass and not in the second: a cache keyed by content",
	detect.SecondPassGrew:    "the second pass grew like the first ({share} of its rate){keyed}",
	detect.LevelledOff:       "grew, then stopped: over its last half at most {upper} per {work} (95 %), limit {limit}",
	detect.Bounded:           "at most {upper} per {work} (95 %), limit {limit}",
	detect.OutliersWeighLess: "{n} of {of} snapshots lie far from the others and weigh less",
	detect.NotBounded:        "neither growth nor its absence is shown: at most {upper} per {work} (95 %), limit {limit}{longer}",
	detect.MadeByGroups:      "judged by the groups of goroutines that make the growth",
	detect.AwaitsNextLook:    "passes all gates at this look: a leak if the next one finds it again",
	detect.BelowLevelOfLooks: "passes all gates of a single judgement, but not yet at the stricter level of repeated looks",
	detect.SizeBelowPower:    "read its size as an upper end: this run finds fewer than nine in ten of leaks below {rate} per {work}, and those that look largest",
	detect.ProvedByHolder:    "the object graph shows what retains it",
	detect.GrowthAlone:       "not proved: a cache that is not full yet looks the same, if it takes more than {done}{kept} to fill; to settle it, run longer than that{ (--for)}{or allow}",
	detect.NoGrowthShown:     "no growth is shown at the level of its tests",
	detect.NotMeasured:       "{n} of {of} snapshots measured nothing of the target, or garbage with what is live: that is no evidence of absence",
	detect.NotWholeRun:       "not clean, because this is no whole run: {text}",
	detect.GrowsWithoutLoad:  "live bytes grow without load, by {rate} bytes per second, more than taking snapshots leaves behind: the program keeps memory by time, and not only by operation",
	detect.GrowsAfterLoad:    "it went on in the drain, at {share} of the rate under load, and was not there before the load: neither operations nor time explain that, a slow wave does: run longer{ (--for)}",
	detect.MayGrowByTime:     "it may grow by time, and not by operation: without load it does by {rate} bytes per second, at most {upper}, and that does not rule it out: a longer drain{ (--drain)} tells the two apart",

	// Sites.
	detect.PassesAllTests:    "passes all gates at α = {alpha}/{n} sites: +{samples} sampled objects (tau {tau}, p {p})",
	detect.ContainerSlackens: "one object is enlarged again and again: {n} times by about {factor}, from {from} to {to} bytes; but not as fast as before: a cache that fills looks like this",
	detect.ContainerShort:    "one object is enlarged again and again: {n} times by about {factor}, from {from} to {to} bytes; a table that fills looks like this for as long: run longer",
	detect.ContainerGrows:    "one object is enlarged again and again: {n} times by about {factor}, from {from} to {to} bytes, as fast at the end as at the start: appending for ever looks like this",
	detect.SharesGrowth:      "the process keeps memory beyond doubt; this site holds {samples} of the sampled objects that stayed",
	detect.SharedBlocks:      "what grew (+{samples} sampled objects) are blocks of 16 bytes, which objects of less without pointers share: a block counts for the site that opened it, and another site's object may be what is retained",
	detect.PartOfSite:        "what grows are objects of {bytes} bytes, by line: {places}; its other objects come and go",
	detect.OnlyOfItsSize:     "objects of {from} to {to} bytes are proved to grow by {rate} per {work}, and this site keeps what it allocates of that size; its size is that of all of them",
	detect.OneStep:           "one step makes the growth; without it there is none",
	detect.GrowsUnevenly:     "grows at α = {level}, but not evenly (the last third at {share} of the rate of the whole), and there are no exact counters to decide",
	detect.ProfilesCannot:    "grows at α = {level}, but {n} profiles alone cannot tell a leak from a cache that fills: let heapdrift record, or take {of} and more over a longer time",
	detect.TotalDoesNotLeak:  "grows at α = {level}, but the exact total does not leak",
	detect.MaskedByOthers:    "passes every test at {level}, and hardly anything that it allocates dies, but the exact total does not show it: masked by {function}, which shrinks{and others}, by {rate} bytes per {work} in all: a cache that swaps large entries for small ones looks like this until it has no large ones left",
	detect.MovedFromSites:    "the exact total grew by less: memory moved here from other sites",
	detect.BacklogAtSite:     "+{samples} sampled objects under load (tau {tau}, p {p}); {part} of the growth went away in the drain",
	detect.NoSiteExplains:    "the exact counters prove the growth; no sampled site explains it",
	detect.PartAtNoSite:      "{share} of the growth that the exact counters prove is at no sampled site",
	detect.ObjectsUnseen:     "the sites named explain the bytes, but {share} of the {rate} objects per {work} that the process retains are at none of them: small objects retained with these, or a small leak beside them",
	detect.GrewUnproved:      "these rose, too few samples to prove it: {places}",
	detect.SizesThatGrow:     "what grows are objects of up to {sizes}",
	detect.NoHeapProfile:     "there is no heap profile with samples: start the target with GODEBUG=memprofilerate=16384 and import net/http/pprof",
	detect.SampledTooRarely:  "one object in {period} bytes is sampled: start the target with GODEBUG=memprofilerate=16384, or run longer",
	detect.SampleMore:        "run longer, or lower the sampling rate further (GODEBUG=memprofilerate=4096 for the target{; --memprofilerate 4096 for a command that heapdrift starts})",
	detect.PerStuckGoroutine: "it is {bytes} bytes for each goroutine that is stuck: end those first",
	detect.OthersWithStuck:   "besides, {n site} that grow along with the stuck goroutines are not shown: end those first",
	detect.AsManyAt:          "it retains as many objects an operation as {function}, under one caller: they may be of one cause",
	detect.GrowTogether:      "{n} sites below it grow together: {places}",
	detect.LittleBeside:      "little beside it, to be looked at again once it is mended: {places}",
	detect.SeriesPerLabel:    "{function} is on the way to the allocation: a metrics library makes a series for each new set of label values and keeps it: look for a label that holds an id, an address or a path",
	detect.ContextNotEnded:   "{function} is on the way to the allocation: a context with a cancel function is kept by its parent until it is cancelled: defer the cancel function",
	detect.TimerNotStopped:   "{function} is on the way to the allocation: a ticker runs until it is stopped, and a timer keeps what its function holds until it fires: defer its Stop",
	detect.LargeBuffers:      "of large objects, {bytes} bytes on the average, {about} are kept an operation: where only a part of each is wanted, copy that part",
	detect.KeepsNothing:      "makes {share} of all that is allocated, and keeps none of it",
	detect.ChurnByLine:       "by line: {lines}",
	detect.GrowsOutside:      "resident memory that no file backs grew by {grew MiB}; {explained}; by {bytes MiB} more than the runtime took from the system",
	detect.OutsideAtEnd:      "{bytes MiB} at the end are more than all that it has taken and not returned",
	detect.LookOutside:       "memory of C code (cgo) or mapped memory is not in the heap profile: look at what calls C.malloc, mmap, or a library that does",

	// Groups of goroutines.
	detect.RuntimeProved:     "the runtime proved {count} of them unreachable (goroutineleak)",
	detect.EndedInDrain:      "{part} of them ended in the drain",
	detect.CountUneven:       "their number rises (tau {tau}, p {p}), but not along a line (p {slope p})",
	detect.ManyEnded:         "{share} as many ended as began",
	detect.MayEnd:            "their number only rises; but what waits for time or I/O may end by itself",
	detect.SelectNoCases:     "they wait in a select without cases: nothing can end them",
	detect.ShortWatch:        "watched for {seconds} s without a drain or a count of operations: a healthy ramp looks the same",
	detect.DoNotEnd:          "they begin and do not end: +{count} in {n} snapshots (tau {tau}, p {p})",
	detect.StillAfterDrain:   "still there after the drain",
	detect.HaveWaited:        "one of them has waited for {minutes} min",
	detect.PileUp:            "{count} of them came, none has ended in {seconds} s of recording, and their number rises again and again: a deadlock looks so, and so does a pool that fills",
	detect.HoldTheGrowth:     "they wait for another goroutine, hardly any has ended, and {share} of the heap's growth is what they hold: a pool that fills looks the same until it is full, and so does a leak that is paced by the collections which empty a sync.Pool, a snapshot's own among them",
	detect.OthersBeganSince:  "{count} others began while one of them waited: no pool does that; and {share} of the heap's growth is what they hold",
	detect.EndWithConnection: "they end with their connections, which wait for I/O and may end by themselves",
	detect.CameLate:          "{count} of them came after the first third of the recording, and none has ended in {seconds} s: too few for a trend",
	detect.MemoryGrowsWith:   "memory grows with them at {function}",
	detect.HeldByStuck:       "goroutines that do not end retain it",
	detect.HeapGrowsWithEach: "the heap grows by {bytes} bytes with each of them",
	detect.BodyNotClosed:     "they read connections of net/http's client and wait for the body of a response to be read to its end or closed: defer resp.Body.Close(), or cancel the request",
	detect.SoDo:              "so does the number of those [{wait}] in {function}",

	// What a forecast takes for granted.
	detect.RuntimeKeepsLimit: "the runtime keeps to it for as long as what is live leaves room",
	detect.LimitKeepsLow:     "GOMEMLIMIT, which is lower, keeps memory down to what is live",
	detect.PeaksBeforeGC:     "memory peaks at {times} times what is live before the collector runs",
	detect.ResidentGoesOn:    "resident memory goes on growing as it did",

	// Comparisons.
	detect.TooFewInOneRun:    "too few snapshots in one of the runs",
	detect.GrowsMoreSlowly:   "grows more slowly",
	detect.GrowthNotShown:    "growth is not shown any more",
	detect.GrowsFaster:       "grows faster",
	detect.NewlyGrows:        "grows, and was not shown to before",
	detect.DifferenceBounded: "the difference is bounded",
	detect.BothBounded:       "bounded below the clean limit in both runs",
	detect.TooUncertain:      "the interval of the difference holds more than one answer",
	detect.NotInFirstRun:     "grows, and is not in the first run",
	detect.NotInSecondRun:    "grew, and is not in the second run",
	detect.LeakInSecondRun:   "a leak in the second run",
	detect.WorseCounts:       "some of it is better, some worse: worse counts",
	detect.MovedBetween:      "memory moved between sites ({n} more, {of} less); the process keeps as much as before",
	detect.BetterUnconfirmed: "{n} sites are better; the totals are too noisy to confirm it",
	detect.WorseUnconfirmed:  "{n} sites are worse; the totals are too noisy to confirm it",
	detect.StillLeaks:        "it still leaks",
	detect.RunLonger:         "longer runs, or more operations, make the intervals narrower",
	detect.OneLacksOps:       "the {run} run does not know its operations: growth is compared per second, which is the same only under the same load",
	detect.PeriodsDiffer:     "the heap was sampled once in {old period} bytes in one run and once in {period} in the other: sites are not compared; record both at the same sampling rate{ (--memprofilerate)}",
	detect.LoadsDiffer:       "the load differs: {from} operations a second in one run, {to} in the other; what grows with time and not with operations looks different",

	// Warnings of a judgement.
	detect.Recorded:          "{text}",
	detect.LoadNotValid:      "LOAD NOT VALID: {text}",
	detect.NoSnapshots:       "no snapshots: nothing to judge",
	detect.FewSnapshots:      "{n snapshot} after the warm-up: at least {of} are needed for a verdict; take more, or run longer",
	detect.LiveBytesUnknown:  "live bytes are not known: no snapshot holds heap counters or a heap profile",
	detect.NoExactCounters:   "no exact counters: live bytes come from the sampled profile alone; let heapdrift record, or keep the text of /debug/pprof/heap?gc=1&debug=1 beside each profile",
	detect.GoroutinesUnknown: "goroutines are not known: no snapshot holds a goroutine profile",
	detect.GoroutinesOnce:    "one snapshot alone holds a goroutine profile, of {count}: whether their number grows is not known",
	detect.ProfilingOff:      "memory profiling is off in the target (rate 0): growth can be told from the exact counters, its site cannot; start it with GODEBUG=memprofilerate=16384, and see that it links runtime.MemProfile (import net/http/pprof)",
	detect.StacksCut:         "some stacks are cut at 128 frames: set GODEBUG=profstackdepth=256 in the target to see their roots",
	detect.OperationsUnknown: "operations are not known: growth is given per second, and a clean limit per operation cannot be held; count them while recording{ (--ops-metric)}, or let heapdrift drive the load",
	detect.ResidentClimbs:    "the resident set grew by {grew MiB}, the live heap by {bytes MiB}; {explained}: memory of C code or mapped memory, or only pages of mapped files; /proc/PID/smaps_rollup tells them apart",
	detect.OutsideUntouched:  "resident memory that no file backs grew by {grew MiB}; {explained}; by {bytes MiB} more than the runtime took from the system: memory of C code or mapped memory, or pages of the Go heap that were not touched before; run longer to tell",
}

// commandLine reports a sentence whose advice is a flag or a variable of the
// target's environment: go test has neither.
func commandLine(c detect.Code) bool {
	return strings.Contains(sentences[c], "--") || strings.Contains(sentences[c], "GODEBUG=")
}

// proofs say in a few words what proves a run's leak.
var proofs = map[detect.Code]string{
	detect.RuntimeProved:     "the runtime reports goroutines that nothing can reach (goroutineleak)",
	detect.SelectNoCases:     "goroutines wait where nothing can end them",
	detect.DoNotEnd:          "goroutines begin and do not end",
	detect.MadeByGroups:      "goroutines begin and do not end",
	detect.HeldByStuck:       "goroutines that do not end retain it",
	detect.PerStuckGoroutine: "it grows with goroutines that do not end",
	detect.SecondPassGrew:    "the second pass grew like the first{keyed}",
	detect.ProvedByHolder:    "the object graph shows what retains it",
}

// Proof says in a sentence how a run's leak is known: what proves it, or what else
// looks the same and what settles it. Empty of a run that does not leak.
func Proof(res *detect.Result, r Reader) string {
	if len(res.Reasons) == 0 {
		return ""
	}
	why := res.Reasons[0]
	if res.Proof != detect.ProofProved {
		return Sentence(Why(res.Reasons, r))
	}
	return "proved: " + r.fill(proofs[why.Code], telling{reader: r, Values: why.Values}.figures)
}

// background are reasons that tell what grew, and not why it was judged so.
var background = []detect.Code{
	detect.AddedFromSamples, detect.Rises, detect.RisesUnevenly, detect.KeptAfterDrain, detect.StillAfterDrain,
	detect.HaveWaited, detect.MemoryGrowsWith, detect.GrowTogether,
}

// foremost is the reason that says the most: the first that is no background.
func foremost(rs []detect.Reason, t telling) string {
	for _, skip := range []bool{true, false} {
		for _, x := range rs {
			if skip && slices.Contains(background, x.Code) {
				continue
			}
			if said := why([]detect.Reason{x}, t); len(said) > 0 {
				return said[0]
			}
		}
	}
	return ""
}

// costly are the warnings that cost a reader the most, those first that make a
// verdict one about something else. Others come behind them, in their order, and
// before those that are minor.
var (
	costly = []detect.Code{
		detect.NoSnapshots, "target-died", "operations-refused", detect.LoadNotValid, "operations-failed", "ended-early", "interrupted",
		detect.NotWholeRun, detect.FewSnapshots, detect.GrowsWithoutLoad, detect.ResidentClimbs, detect.OutsideUntouched,
		detect.LiveBytesUnknown, detect.ProfilingOff, detect.NoExactCounters, detect.GoroutinesUnknown, detect.OperationsUnknown,
	}
	minor = []detect.Code{
		detect.StacksCut, "snapshots-failed", "snapshot-failed", "no-operation-count", "ports-unknown", "bundle-elsewhere",
		"snapshot-not-kept", "probe-not-kept", "header-not-kept", "command-ended-badly",
	}
)

// rankedWarnings words warnings, the most costly first.
func rankedWarnings(ws []detect.Warning, r Reader) []string {
	rank := func(w detect.Warning) int {
		if i := slices.Index(costly, w.Code); i >= 0 {
			return i
		}
		if i := slices.Index(minor, w.Code); i >= 0 {
			return len(costly) + 1 + i
		}
		return len(costly)
	}
	ws = slices.Clone(ws)
	slices.SortStableFunc(ws, func(a, b detect.Warning) int { return rank(a) - rank(b) })
	return Warnings(ws, r)
}

// Why words the reasons of a total or a comparison, in their order. A reason that
// has nothing to say to r is left out. Sentences for people are printable; those
// for scripts name what the program named as it is.
func Why(rs []detect.Reason, r Reader) []string { return why(rs, telling{reader: r}) }

// FindingWhy words the reasons of a finding.
func FindingWhy(f *detect.Finding, r Reader) []string {
	return why(f.Reasons, telling{reader: r, kind: f.Kind})
}

func why(rs []detect.Reason, t telling) []string {
	var out []string
	for _, x := range rs {
		t.Values = x.Values
		if s := t.sentence(x.Code); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Warnings words warnings, in their order, each sentence once.
func Warnings(ws []detect.Warning, r Reader) []string {
	said, _ := warnings(ws, r)
	return said
}

// warnings are sentences with the codes behind them. What came as a text is left
// out where the sentence of another warning tells it.
func warnings(ws []detect.Warning, r Reader) (said []string, codes []detect.Code) {
	text := func(w detect.Warning) string { return cmp.Or(w.Text, w.Values.Text) }
	verbatim := func(w detect.Warning) bool {
		s, ok := sentences[w.Code]
		return !ok || s == sentences[detect.Recorded]
	}
	for _, w := range ws {
		t := telling{reader: r, Values: w.Values}
		t.Text = text(w)
		code := w.Code
		if verbatim(w) {
			if slices.ContainsFunc(ws, func(x detect.Warning) bool { return !verbatim(x) && text(x) == t.Text }) {
				continue
			}
			code = detect.Recorded
		}
		s := t.sentence(code)
		switch at := slices.Index(said, s); {
		case s == "":
		case at < 0:
			said, codes = append(said, s), append(codes, w.Code)
		case !verbatim(w):
			codes[at] = w.Code
		}
	}
	return said, codes
}

// Held names the goroutines that retain a finding: "2,700 goroutines [sleep] in
// closure.(*Stage).Embed.func1, begun as X by Y".
func Held(hs []detect.Holder, r Reader) []string {
	var out []string
	for _, h := range hs {
		s := Plural(float64(h.Goroutines), "goroutine") + " [" + cmp.Or(h.WaitReason, "running") + "] in " + r.function(h.Function)
		if h.Root != "" && h.Root != h.Function {
			s += ", begun as " + r.function(h.Root)
		}
		if h.CreatedBy != "" {
			s += " by " + r.function(h.CreatedBy)
		}
		out = append(out, r.shown(s))
	}
	return out
}

// Sentence joins sentences to one.
func Sentence(parts []string) string { return strings.Join(parts, "; ") }

// flags reports that r can give flags of `heapdrift run`.
func (r Reader) flags() bool { return r == Script || r == Operator }

func (r Reader) function(name string) string {
	if r == Script {
		return name
	}
	return ShortFunction(name)
}

// shown is a sentence with names from the program under test, as r may see it.
func (r Reader) shown(s string) string {
	if r == Script {
		return s
	}
	return Printable(s)
}

// telling is a reason on its way to a sentence.
type telling struct {
	detect.Values
	reader Reader
	kind   detect.Kind // of the finding; empty: of no finding
}

// sentence is empty where the code is unknown, or of no use to the reader.
func (t telling) sentence(c detect.Code) string {
	if t.reader == Tester && commandLine(c) {
		return ""
	}
	return t.reader.shown(t.reader.fill(sentences[c], t.figures))
}

// fill replaces what stands in braces: a name by its figure, and a flag by itself
// or, for readers who cannot give it, by nothing. figures is asked once at most.
func (r Reader) fill(template string, figures func() map[string]string) string {
	var b strings.Builder
	var known map[string]string
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		switch template = after; {
		case !strings.Contains(name, "--"):
			if known == nil {
				known = figures()
			}
			b.WriteString(known[name])
		case r.flags():
			b.WriteString(name)
		}
	}
}

// figures are what the names in braces stand for.
func (t telling) figures() map[string]string {
	return map[string]string{
		"n": strconv.Itoa(t.N), "n snapshot": Plural(float64(t.N), "snapshot"), "n site": Plural(float64(t.N), "site"),
		"of":         strconv.Itoa(t.Of),
		"tau":        formatted(t.Tau, 'f', 2),
		"p":          formatted(t.P, 'g', 2),
		"slope p":    formatted(t.SlopeP, 'g', 2),
		"level":      formatted(t.Level, 'g', 2),
		"alpha":      formatted(t.Level, 'g', 3),
		"share":      percent(math.Max(0, t.Share)),
		"part":       percent(math.Max(0, math.Min(1, t.Share))),
		"times":      formatted(t.Times, 'f', 1),
		"factor":     formatted(t.Times, 'f', 2),
		"longer":     t.longer(),
		"keyed":      t.keyed(),
		"kept":       t.kept(),
		"done":       t.done(),
		"or allow":   t.orAllow(),
		"grew":       formatted(t.Grew, 'f', 0),
		"grew MiB":   mebibytes(t.Grew),
		"floor":      formatted(t.Floor, 'f', 0),
		"upper":      threeDigits(math.Max(0, t.Upper)),
		"limit":      threeDigits(t.Limit),
		"samples":    formatted(t.Samples, 'f', 0),
		"count":      Count(t.Count),
		"from":       threeDigits(t.From),
		"to":         threeDigits(t.To),
		"bytes":      formatted(t.Bytes, 'f', 0),
		"bytes MiB":  mebibytes(math.Max(0, t.Bytes)),
		"rate":       threeDigits(t.Rate),
		"about":      formatted(t.Rate, 'g', 2),
		"seconds":    formatted(t.Seconds, 'f', 0),
		"minutes":    formatted(t.Seconds/60, 'f', 0),
		"period":     strconv.FormatInt(t.Period, 10),
		"old period": strconv.FormatInt(t.OldPeriod, 10),
		"work":       work(t.Per),
		"exponent":   t.exponent(),
		"clock":      clock(t.Seconds),
		"function":   t.reader.function(t.Function),
		"wait":       cmp.Or(t.Wait, "running"),
		"run":        t.Run,
		"text":       t.Text,
		"and others": t.andOthers(),
		"as a cache": t.asACache(),
		"places":     t.places(),
		"sizes": t.parts(", ", func(p detect.Part) string {
			return formatted(p.Bytes, 'f', 0) + " bytes (" + threeDigits(p.Rate) + " per " + work(p.Per) + ")"
		}),
		"lines":     t.parts(", ", func(p detect.Part) string { return fileOf(p) + " " + percent(p.Share) }),
		"explained": t.explained(),
	}
}

// exponent is an estimate with its interval: 0.91 [0.86, 0.97].
func (t telling) exponent() string {
	c := t.Exponent
	if c == nil {
		return ""
	}
	return formatted(c.Estimate, 'f', 2) + " [" + formatted(math.Max(0, c.Lo), 'f', 2) + ", " + formatted(c.Hi, 'f', 2) + "]"
}

// clock is a time since the first snapshot: 00:21, 1:02:03.
func clock(seconds float64) string {
	s := int64(math.Round(seconds))
	two := func(v int64) string { return string([]byte{byte('0' + v/10), byte('0' + v%10)}) }
	if s < 3600 {
		return two(s/60) + ":" + two(s%60)
	}
	return strconv.FormatInt(s/3600, 10) + ":" + two(s/60%60) + ":" + two(s%60)
}

// longer is empty where it is not known how much longer a run must be.
func (t telling) longer() string {
	if !(t.Times > 0) {
		return ""
	}
	return "; a run about " + formatted(t.Times, 'g', 2) + " times as long would tell"
}

// andOthers is what shrinks beside Function.
func (t telling) andOthers() string {
	if t.N < 2 {
		return ""
	}
	return " (and " + Plural(float64(t.N-1), "other site") + ")"
}

// keyed is what a second pass rules out, which it does where contents were repeated.
func (t telling) keyed() string {
	if t.N <= 1 {
		return ""
	}
	return " over the same " + Count(float64(t.N)) + " contents: no cache keyed by content"
}

// kept is empty where the bytes are not known.
func (t telling) kept() string {
	if !(t.Bytes > 0) {
		return ""
	}
	return " and " + Bytes(t.Bytes)
}

// done is the work of a run.
func (t telling) done() string {
	if t.Per == detect.PerSecond {
		return Duration(t.Count)
	}
	return Plural(t.Count, "operation")
}

// orAllow is how what is bounded by design is accepted, by readers who can.
func (t telling) orAllow() string {
	if t.Function == "" || t.reader == Tester {
		return ""
	}
	name := ShortFunction(t.Function)
	return ", or, if " + name + " is bounded by design, accept it: --allow '" + name + "'"
}

// asACache: what goroutines do is no cache's.
func (t telling) asACache() string {
	if t.kind == detect.KindGoroutine {
		return ""
	}
	return ": a cache that fills looks like this"
}

func (t telling) parts(between string, one func(detect.Part) string) string {
	said := make([]string, len(t.Parts))
	for i, p := range t.Parts {
		said[i] = one(p)
	}
	return strings.Join(said, between)
}

// places are where the parts of a finding allocate, with what each retains.
func (t telling) places() string {
	s := t.parts("; ", func(p detect.Part) string {
		s := cmp.Or(ShortFunction(p.Function), detect.Unattributed)
		if p.File != "" {
			s += " (" + fileOf(p) + ")"
		}
		if p.Per != "" {
			s += " " + threeDigits(p.Rate) + " B/" + string(p.Per)
		}
		return s
	})
	if t.More > 0 {
		s += "; and " + strconv.Itoa(t.More) + " more"
	}
	return s
}

// explained is what the runtime's own memory grew by.
func (t telling) explained() string {
	if len(t.Parts) == 0 {
		return "none of the runtime's own memory grew"
	}
	return "of it " + t.parts(", ", func(p detect.Part) string { return p.Name + " " + mebibytes(p.Bytes) }) + " (" + percent(math.Min(1, t.Share)) + " in all)"
}

func fileOf(p detect.Part) string {
	return path.Base(strings.ReplaceAll(p.File, `\`, "/")) + ":" + strconv.Itoa(p.Line)
}

// work is the unit of work in a sentence.
func work(p detect.Per) string {
	switch p {
	case detect.PerSecond:
		return "second"
	case detect.PerSnapshot:
		return "snapshot"
	}
	return "operation"
}
