package output

import (
	"path/filepath"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// SARIF 2.1.0, as far as it is used: https://docs.oasis-open.org/sarif/sarif/v2.1.0/
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		Invocations []sarifInvocation     `json:"invocations"`
		URIBases    map[string]sarifPlace `json:"originalUriBaseIds,omitempty"`
		Results     []sarifResult         `json:"results"`
		ColumnKind  string                `json:"columnKind"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Version        string      `json:"version,omitempty"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string     `json:"id"`
		Name    string     `json:"name"`
		Short   sarifText  `json:"shortDescription"`
		Help    sarifText  `json:"help"`
		Default sarifLevel `json:"defaultConfiguration"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		ExitCode      int                 `json:"exitCode"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Stacks       []sarifStack       `json:"stacks,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Baseline     string             `json:"baselineState,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifPlace   `json:"artifactLocation"`
		Region   *sarifRegion `json:"region,omitempty"`
	}
	sarifPlace struct {
		URI    string `json:"uri"`
		BaseID string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifStack struct {
		Message sarifText    `json:"message"`
		Frames  []sarifFrame `json:"frames"`
	}
	sarifFrame struct {
		Location sarifLocation `json:"location"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	homepage    = "https://github.com/heapdrift/heapdrift"
	sourceRoot  = "%SRCROOT%"
)

// rules in the order of their index.
var rules = []sarifRule{
	{ruleHeap, "HeapGrowth", sarifText{"Memory is kept with each operation."}, sarifText{"The live heap grows with the operations by more than its budget, and this is where what stays is allocated. Look for who holds it: a map, a slice, a channel or a goroutine that outlives the operation."}, sarifLevel{"error"}},
	{ruleGoroutine, "GoroutineGrowth", sarifText{"Goroutines begin and do not end."}, sarifText{"Each operation leaves goroutines behind, here. Give each a way to end: a closed channel, a cancelled context, a send that nobody has to receive."}, sarifLevel{"error"}},
	{ruleBudget, "BudgetBroken", sarifText{"A budget of heapdrift.yaml is broken."}, sarifText{"What was measured is above the limit that the configuration names."}, sarifLevel{"error"}},
	{ruleUndecided, "Undecided", sarifText{"The run does not tell whether a budget is kept."}, sarifText{"Run longer, or hold the load still at each snapshot (quiesce), so that the interval lies on one side of the budget."}, sarifLevel{"warning"}},
	{ruleError, "NotMeasured", sarifText{"A scenario could not be measured."}, sarifText{"The target did not answer, ended, or the canary was not seen."}, sarifLevel{"error"}},
	{ruleGate, "Gate", sarifText{"The gate itself cannot pass."}, sarifText{"A suppression has expired, or the gate was interrupted."}, sarifLevel{"error"}},
}

// asSARIF is the report for code scanning: a result for each finding that
// fails, opens or is suppressed, for each budget that no finding explains, and
// for what could not be measured. A result's fingerprint is the finding's id,
// stable across builds.
func asSARIF(r *gate.Report, o Options) sarifLog {
	run := sarifRun{
		Invocations: []sarifInvocation{{Successful: r.State != gate.Errored, ExitCode: r.ExitCode}},
		Results:     []sarifResult{}, ColumnKind: "utf16CodeUnits",
	}
	run.Tool.Driver = sarifDriver{Name: "heapdrift", InformationURI: homepage, Version: o.Version, Rules: rules}
	if o.Root != "" {
		run.URIBases = map[string]sarifPlace{sourceRoot: {URI: rootURI(o.Root)}}
	}
	for _, t := range troubles(r, o.Root) {
		rule := slices.IndexFunc(rules, func(x sarifRule) bool { return x.ID == t.rule })
		run.Results = append(run.Results, sarifOf(&t, rule, o.Root))
	}
	in := &run.Invocations[0]
	for _, s := range warnings(r) {
		in.Notifications = append(in.Notifications, sarifNotification{"warning", sarifText{report.Printable(s)}})
	}
	return sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}}
}

// rootURI is a folder's URI, which ends in a slash.
func rootURI(root string) string {
	s := slashed(filepath.Clean(root))
	if s[0] != '/' {
		s = "/" + s // a drive's letter
	}
	if s[len(s)-1] != '/' {
		s += "/"
	}
	return "file://" + uri(s)
}

func sarifOf(t *trouble, rule int, root string) sarifResult {
	out := sarifResult{
		RuleID: t.rule, RuleIndex: rule, Level: looks[t.state].level,
		Message:      sarifText{report.Printable(t.message)},
		Locations:    []sarifLocation{{Physical: physical(t.at)}},
		Fingerprints: map[string]string{},
	}
	id := t.rule
	if t.scenario != nil {
		id += "/" + t.scenario.Name
	} else { // what fails the gate itself; messages of a scenario name processes and times
		id += "/" + t.message
	}
	if t.budget != nil {
		id += "/" + t.budget.Name
	}
	if f := t.finding; f != nil {
		id += "/" + f.ID
		out.Locations[0].Logical = []sarifLogical{{Name: report.Printable(f.Function), Kind: "function"}}
		out.Baseline = map[gate.Status]string{gate.StatusNew: "new", gate.StatusWorse: "updated", gate.StatusBetter: "updated", gate.StatusSame: "unchanged", gate.StatusGone: "absent"}[f.Status]
		if x := f.Suppressed; x != nil && t.state == gate.Passed {
			out.Suppressions = []sarifSuppression{{Kind: "external", Status: "accepted", Justification: report.Printable(x.Reason + " (until " + x.Expires + ")")}}
		}
		if len(f.Stack) > 0 {
			out.Stacks = []sarifStack{stackOf(t.scenario, f, root)}
		}
	}
	out.Fingerprints["heapdrift/v1"] = report.Printable(id)
	return out
}

func physical(p place) *sarifPhysical {
	return &sarifPhysical{Artifact: sarifPlace{URI: uri(p.File), BaseID: sourceRoot}, Region: &sarifRegion{max(1, p.Line)}}
}

// stackOf is a finding's stack; frames outside of the repository have no file
// that a code host could show.
func stackOf(s *gate.Scenario, f *gate.Finding, root string) sarifStack {
	out := sarifStack{Message: sarifText{"where it is allocated, innermost call first"}, Frames: []sarifFrame{}}
	if f.WaitReason != "" {
		out.Message.Text = "where the goroutines wait, innermost call first"
	}
	for _, fr := range f.Stack {
		loc := sarifLocation{Logical: []sarifLogical{{Name: report.Printable(fr.Function), Kind: "function"}}}
		if file := relative(fr.Function, fr.File, s.Module, root); file != "" {
			loc.Physical = physical(place{file, fr.Line})
		}
		out.Frames = append(out.Frames, sarifFrame{loc})
	}
	return out
}
