package detect

// The numbers of the verdict: the unit, the source, and how each was set.
// "Calibrated" numbers were set so that the tables of docs/METHOD.md hold;
// `make calibrate` shows what a change does.

// Levels of tests, probabilities.
const (
	confidence   = 0.95  // of printed intervals, and of the one-sided bounds
	oneSided95   = 1.645 // standard errors of a one-sided 95 % bound, where an error is taken for normal
	alphaSlope   = 1e-4  // slope and block tests on exact counters: recorded leaks have t above 50, healthy programs below 16
	alphaRank    = 2e-3  // Mann–Kendall on exact counters: six rising values (1/720) pass
	alphaObjects = 5e-3  // Mann–Kendall of live objects, to call what grows values and not containers
	alphaDejump  = 1e-3  // slope of a sampled series without its largest step
	// alphaParts is the level of all parts of sites together, of that of all sites,
	// which it is added to: a whole site's tests stay as they are.
	alphaParts = 0.1
	alphaRest  = 0.01 // Mann–Kendall of a part, to be listed as what may hold growth that is proved elsewhere
	// alphaAdded is the level of a total that was added up from samples: only a P
	// too small to be told from 0 passes, since its sites must prove the growth.
	alphaAdded = 0
)

// slopeLevel is the level of the slope's test on n judged snapshots. Few of
// them make the allowance for slow scatter so wide that a plain leak has no more
// than p = 3·10⁻⁴, while the rank test asks that nearly all of them rise: the
// level is laxer there, unless growth was faster before them. A cache that fills
// looks like a line for a short while. before is that rate over the tail's, NaN
// where it is not known.
func slopeLevel(n int, before float64) float64 {
	switch {
	case before > 1.25:
		return alphaSlope
	case n <= 8:
		return 10 * alphaSlope
	case n < 12:
		return 3 * alphaSlope
	}
	return alphaSlope
}

// How much there must be to judge.
const (
	minTail          = 6    // judged snapshots
	mostUnsound      = 0.1  // of all snapshots may have measured nothing in a clean run: less than the last sixth, which tells that growth has stopped
	leastPass        = 4    // snapshots of one pass
	leastFlat        = 5    // snapshots of the half that is shown to be flat
	leastFlatEnd     = 1    // snapshots of an end that is flat …
	leastLastSixth   = 3    // … and where it is told by itself
	leastForCubic    = 24   // snapshots that tell an S: of 20, leaks of 12 standard deviations lose 3 % to it
	leastBefore      = 4    // intervals before it, or before growth that begins in the run
	minSamples       = 4    // sampled objects that a site must have held at once to be tested
	minNet           = 8    // sampled objects that a site must have gained to be a leak alone
	leastProfiles    = 24   // judged profiles without counters, or …
	leastWatched     = 1800 // … seconds of them: a cache that fills is a line for as long as it fills
	shortWatch       = 120  // seconds of goroutines without drain or operations: a healthy ramp looks the same
	quietSpan        = 60   // seconds in which no latecomer may have ended: longer than a request's usual time-out
	leastLate        = 2    // goroutines of a group that is too small for a trend
	leastRises       = 3    // of goroutines that pile up, among the judged snapshots
	dumpGrain        = 60   // seconds, of the waits in a text dump
	leastSteps       = 4    // enlargements that make a law of a container
	ruleOfThree      = 3    // over n: 95 % bound of what did not come in n tries, −ln 0.05 (Hanley & Lippman-Hand, JAMA 249, 1983)
	leastForOutliers = 12   // snapshots that tell which are outliers
	leastForCurve    = 7    // snapshots that tell a curve: with fewer its interval holds no bend
	leastIncrements  = 3    // between idle snapshots, to measure the observer
	leastChurnSample = 16   // sampled objects that tell a share to a quarter
)

// The evidence floor: what the judged snapshots must have grown by before growth
// is called a leak, in bytes, objects and goroutines (METHOD.md, Evidence).
const (
	floorBytes      = 64 << 10
	floorObjects    = 256
	floorGoroutines = 8
	floorRising     = 8       // objects, for live objects to rise with the bytes
	floorOutside    = 4 << 20 // bytes outside the Go heap: the runtime's own caches move by as much
)

// What goes on, and what slackens: rates of growth over rates of growth. They
// are asked of different stretches at different strictness, so they differ.
const (
	lastThirdOf     = 0.5  // the last third, of the whole tail's rate …
	lastThirdSure   = 0.75 // … and with one standard error added
	secondHalfOf    = 0.65 // the second half, of the first half's
	secondHalfSure  = 2.58 // standard errors that it must be lower by: 1 % shared by two tests
	fasterBefore    = 2    // as fast before the tail: the curve bends
	bentGoesOnAt    = 0.75 // then the second half must be shown above this: beyond a logarithm's 0.58
	warmUpGain      = 4    // of n·ln(RSS), for a line without a warm-up to tell better than a curve: a likelihood ratio of e²
	beganBelow      = 0.2  // growth before it began in the run, of that since …
	beganBounded    = 0.5  // … and its 95 % bound
	flatEndOf       = 0.5  // the last snapshots, of the rate before them …
	flatEndLevel    = 0.01 // … and lower at this level, shared by the lengths that are tried: what leaks lose to it
	lastSixthOf     = 0.25 // the last sixth by its own scatter, of the whole's rate
	fadesTo         = 0.5  // the rate at the end of an S, of the whole's …
	fadesLevel      = 0.01 // … and it is one at this level: what leaks of little growth lose to it
	curveSure       = 0.98 // confidence of the exponent's interval: half of the rest is what leaks lose to it
	unevenOver      = 2    // a site without counters: the last third at most this (at least lastThirdOf)
	looksGoOnAt     = 0.7  // repeated looks: the second half shown above this …
	looksGoOnSure   = 0.995
	passStoppedAt   = 0.1 // the last pass at no more than this of the first's: a cache keyed by content
	passGoesOnAt    = 0.6 // the last pass shown above this: none
	overdue         = 1.5 // of a container's next enlargement
	containerLateAt = 0.5 // a container's later half, of its earlier half's rate
)

// Shares of growth.
const (
	keptAtLeast     = 0.5  // still there after the drain, below: a backlog
	moreThanGrew    = -0.5 // kept below this: the drain took much that was there before
	countedAtLeast  = 0.5  // of bytes, in objects that sites counted: no container
	movedBelow      = 0.5  // of a site's lower bound: a total bounded below this means memory moved between sites
	groupsAtLeast   = 0.5  // of the count's growth at groups that leak
	mostHeld        = 0.5  // of the heap's growth that goroutines hold, for it to be theirs
	toldApart       = 0.02 // of the work's variance that the number of goroutines does not tell: less is their unevenness
	pooledBelow     = 0.5  // connections that an operation leaves behind: a pool uses them again
	shortWait       = 0.5  // of the time that there have been goroutines of a group, below: they end
	manyEnded       = 0.05 // of goroutines that began, below: they do not end
	hardlyDie       = 0.05 // of sampled objects that were born, at most: a site that retains what it allocates
	sitesExplain    = 0.9  // of the total's growth, then no more suspects are named
	leastShare      = 0.05 // of the total's growth, to be a suspect
	mostDied        = 0.25 // of what was born of a size, to count as kept
	sureLess        = 2    // standard deviations of births and deaths, for objects to count as gone
	sureNet         = 3    // standard deviations of net samples, to count as kept all the same
	restShare       = 0.02 // of the total's growth, to be listed with what no site explains
	mostUnseen      = 0.4  // of the objects' growth, beside sites that explain the bytes: told from there on
	unexplained     = 0.3  // of the total's growth, to be told beside named sites
	classRulesOut   = 0.5  // of what samples stand for: their exactly counted class grew by less
	minorClass      = 0.05 // of the total's growth, below: a size class is not followed
	classExplained  = 0.5  // of a class's growth at named sites: no other is looked for
	twiceTheNext    = 2    // as many samples as the next site of a size
	minorShare      = 0.05 // of the growth, beside a finding with …
	majorShare      = 0.25 // … this much: told with it
	ownOverCalls    = 2    // what a function allocates itself, over all its calls, to be shown in their place
	alikeWithin     = 0.1  // and two: groups that grow by the same number
	widestAlike     = 4    // an interval's upper bound over its lower, at the most: sites that retain as many objects
	residentAtLeast = 0.5  // of what grew outside must be resident
	mostExplained   = 0.5  // of resident memory's growth, by the heap or all that is the runtime's, to be warned of
	worthNaming     = 0.01 // of the growth, for a kind of the runtime's memory
)

// perGoroutine is how much heap, in bytes, a stuck goroutine may keep for growth
// that no site explains to be put down to it: its descriptor and what few objects
// it was begun with. Sampling sees those last.
const perGoroutine = 4 << 10

// perRamping is how much heap, in bytes, goroutines that may end can have for growth
// that too few sampled objects explain to be put down to them: a connection has two of
// bufio's buffers of 4 KiB, and over TLS records of 16 KiB besides, at each of its ends.
const perRamping = 32 << 10

// SmallestObject is the size of the smallest object worth counting, bytes: what
// objects are at the least where only their number is known. It is also that of the
// tiny allocator's blocks (maxTinySize of runtime/malloc.go).
const SmallestObject = 16

// What a snapshot itself leaves behind in the target: the upper ends of what idle
// programs showed (METHOD.md, Evidence). What grows faster without load is the
// program's own.
const (
	observerBytes   = 400
	observerObjects = 1
)

// Growth without load.
const (
	sameSpacing  = 3    // times the shortest distance of idle snapshots, to count as the same: they are late by a part of it
	unloadedSure = 0.99 // of the one-sided bound that shows growth without load
	phaseSure    = 0.9  // and of each phase by itself
	notByTime    = 3    // times as likely without growth by time as with it: refuted (METHOD.md shows what that costs)
)

// overdispersed is the φ from which the sampling model does not explain the
// scatter.
const overdispersed = 1.5

// Outliers: beyond how many standard deviations of the others a snapshot
// counts as such, and what part of all may be.
const (
	outlying     = 3.5
	mostOutlying = 0.25
)

// Staircases that growth is held against: how many steps, and what each of their
// parameters costs of n·ln(RSS) (calibrated; see stepsGain).
const (
	mostSteps    = 3
	perParameter = 3
)

// Containers: append enlarges large slices by a quarter, small ones and tables
// by two; what is in between may be rounded to a size class.
const (
	leastFactor  = 1.1
	mostFactor   = 2.6
	enlargedFrom = 16 // times smaller, an object that a larger one may have replaced: three to four enlargements
)

// Churn: a place is named where mending it would be felt. The collector's work
// per allocated byte does not depend on how much is live (the more is live, the
// later it runs), so the bound is one of bytes: 64 KiB are about a thousand small
// objects; with the least heap of 4 MiB such a place alone causes a collection
// every 64 operations. What is less than a tenth of all is not where to begin.
const (
	churnBytes = 64 << 10 // an operation; the interval's lower bound is held against it
	churnShare = 0.10
	churnKept  = 0.10 // part of what was allocated that may be in use in the end
	mainLine   = 0.95 // of it at one line: no others are told …
	minorLine  = 0.05 // … that have less
	fewSamples = 100  // effective ones, below which an interval is that of a Poisson count
)

// Large objects kept about once per operation are whole buffers of which a part
// may be all that is wanted. Where the standard library made them while reading,
// joining or decoding, they are text or bytes of all sizes, of which the large ones
// need not come with every operation; what the program makes itself is more often
// kept whole, as a vector is.
const (
	largeObject = 16 << 10 // bytes
	largeBuffer = 1 << 10  // bytes, of what the standard library read
	aboutOnce   = 0.2      // of a whole number, and the most that sampling may leave open
	leastRead   = 0.5      // an operation, of what was read
	mostWhole   = 4        // an operation
	mainPart    = 0.5      // of the site's growth that must be theirs; likewise of shared blocks
)

// LargeLeak is the size of the objects for which power is stated of its own, bytes:
// as large as a buffer, and few.
const LargeLeak = 64 << 10

// Power: the probability with which a leak of the stated size would have been
// found, and on how many paths of the run's own noise it is tried.
const (
	powerAt     = 0.9
	lower90     = -1.2816 // 10 % quantile of the standard normal distribution
	smallLeaks  = 64      // bytes, of objects whose number no noise of small objects hides
	leakPaths   = 40      // bounds the time: a judgement costs O(snapshots²)
	foundIn     = 37      // of them
	leastDF     = 3       // degrees of freedom of the noise's variance, however heavy its tails
	sureWarmUp  = 3       // standard errors that growth before the judged snapshots must differ by, to be a warm-up
	runIn       = 30      // steps of an autoregression before its first value counts
	busyPowerAt = 0.85    // the same at a site that churns …
	pathsAt     = 0.95    // … found in this part of the injections: fresh runs then name it in 90 to 96 %
	busyPaths   = 40
	notablyMore = 1.1 // times what a quiet site needs, to be told
)

// Memory limits, bytes.
const (
	leastHeap   = 4 << 20 // the goal below which Go does not collect with GOGC=100
	unbounded   = 1 << 50 // no machine has as much: a limit of that size is none
	defaultGOGC = 1.0     // part of the live heap that is allocated anew before a collection
)

// What memory comes to on its way to a limit (docs/METHOD.md, Forecast, has the
// programs that died).
const (
	// The collector begins at 0.7 to 0.95 of the way to its goal, late where little is
	// allocated meanwhile (minTriggerRatioDistance and maxTrigger of the runtime's
	// mgcpacer.go), so the way that the heap comes is this part of it …
	goalReached = 0.97
	goalAtLeast = 0.95
	// A stack is made twice as large when it is full: half of it to all is in use,
	// three quarters on the average, and its pages below are not resident.
	stackTouched     = 0.875
	stackAtLeast     = 0.75
	enlargedTo       = 1.25    // times what a large slice has room for: append's growth (runtime/slice.go)
	mostTables       = 0.035   // of a byte of heap, that the runtime's tables take: the programs that died showed 0 to 0.034
	leastWasted      = 1 << 20 // bytes, of spans in use; idle programs show as much
	mostOfSnapshot   = 5 << 20 // bytes that a snapshot allocates; idle programs showed 4.5 MiB
	allocationVaries = 0.1     // of the rate at which a program allocates, that of the recording tells of later
)

// Comparisons of two runs.
const (
	SameShare   = 0.1  // of the growth before, that a difference may have and be called none, here and against a baseline
	loadDiffers = 1.25 // times the rate of operations
	// unseenHalf is the half-width, in sampled objects, of the 95 % interval of a
	// site of which none was born: a Poisson count of 0 has the bound 3.69 (Garwood,
	// Biometrika 28, 1936). As a standard error it makes a count of 0 significant at
	// 1 % from 4.8 expected on (e^−4.8 = 0.8 %).
	unseenHalf = 3.69 / 2
)

// What is listed.
const (
	mostParts    = 5 // of a cluster
	mostChurn    = 5 // findings
	mostLines    = 3 // of one that churns
	mostSizes    = 4 // classes that grow
	shallowStack = 8 // frames from the allocation in which a habit is looked for
)
