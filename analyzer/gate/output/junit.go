package output

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// The dialect of Jenkins' xUnit plug-in (testdata/junit-10.xsd).
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr,omitempty"`
		Properties []junitProperty `xml:"properties>property,omitempty"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out,omitempty"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string     `xml:"classname,attr"`
		Name    string     `xml:"name,attr"`
		Time    string     `xml:"time,attr"`
		Failure *junitNote `xml:"failure,omitempty"`
		Error   *junitNote `xml:"error,omitempty"`
		Skipped *junitNote `xml:"skipped,omitempty"`
	}
	junitNote struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit writes the report as JUnit XML: a suite a scenario, a case a budget, a
// finding that fails or is suppressed, the canary, and the run itself. What is
// undecided or could not be measured is an error, never a pass.
func junit(w io.Writer, r *gate.Report, o Options) error {
	all := junitSuites{Name: "heapdrift", Time: seconds(r.Seconds)}
	for i := range r.Scenarios {
		all.Suites = append(all.Suites, junitOf(r, &r.Scenarios[i], o))
	}
	if len(r.Problems) > 0 || len(all.Suites) == 0 {
		s := junitSuite{Name: "gate", Time: seconds(0), Timestamp: stamp(o.Time)}
		for i, p := range r.Problems {
			s.add(junitCase{Class: "heapdrift", Name: "gate " + strconv.Itoa(i+1)}, p.State, string(p.State), p.Text, p.Text)
		}
		if len(r.Problems) == 0 {
			s.add(junitCase{Class: "heapdrift", Name: "gate"}, r.State, string(r.State), tally(r), "")
		}
		all.Suites = append(all.Suites, s)
	}
	for _, s := range all.Suites {
		all.Tests, all.Failures, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write the gate's report as JUnit XML: %w", err)
	}
	return report.Write(w, xml.Header+string(data)+"\n", "the gate's report as JUnit XML")
}

func junitOf(r *gate.Report, s *gate.Scenario, o Options) junitSuite {
	class := "heapdrift." + report.Printable(s.Name)
	suite := junitSuite{Name: report.Printable(s.Name), Time: seconds(s.Seconds), Timestamp: stamp(o.Time)}
	for _, p := range []junitProperty{{"config", r.Config}, {"seed", r.Seed}, {"repro", s.Repro}, {"recording", s.Bundle}} {
		if p.Value != "" {
			suite.Properties = append(suite.Properties, junitProperty{p.Name, report.Printable(p.Value)})
		}
	}
	if c := s.Canary; c != nil {
		state := map[bool]gate.State{true: gate.Passed, false: gate.Errored}[c.Found]
		suite.add(junitCase{Class: class, Name: "canary", Time: seconds(c.Seconds)}, state, "canary", c.Why, "")
	}
	for i := range s.Budgets {
		b := &s.Budgets[i]
		state := map[gate.BudgetState]gate.State{gate.BudgetBroken: gate.Failed, gate.BudgetUndecided: gate.Undecided}[b.State]
		suite.add(junitCase{Class: class, Name: b.Name}, state, string(b.State), budgetText(s, b), "")
	}
	listed := map[string]int{}
	for _, t := range ofScenario(r, s, o.Root) {
		f := t.finding
		if f == nil {
			continue
		}
		name := string(f.Kind) + " growth at " + report.ShortFunction(f.Function)
		if listed[name]++; listed[name] > 1 { // names of cases are unique in a suite
			name += " (" + strconv.Itoa(listed[name]) + ")"
		}
		c := junitCase{Class: class, Name: name}
		where := fmt.Sprintf("%s:%d", t.at.File, t.at.Line)
		if relative(f.Function, f.File, s.Module, o.Root) == "" {
			where = report.Place(f.Function, f.File, f.Line, s.Module)
		}
		if t.state == gate.Passed {
			c.Skipped = &junitNote{Type: "suppressed", Message: report.Printable(t.message)}
		}
		suite.add(c, t.state, string(f.Verdict), t.message, stackText(where, f))
	}
	state, what := gate.Passed, s.Summary // what failed is said by the cases above
	switch {
	case s.Problem != "":
		state, what = gate.Errored, s.Problem
	case suite.Failures+suite.Errors == 0:
		state = s.State
	}
	suite.add(junitCase{Class: class, Name: "run", Time: seconds(s.Seconds)}, state, "run", what, "")
	suite.Out = xmlText(asText(&gate.Report{State: s.State, Scenarios: []gate.Scenario{*s}}, false))
	return suite
}

// add counts a case by its state.
func (s *junitSuite) add(c junitCase, state gate.State, kind, message, text string) {
	if c.Time == "" {
		c.Time = seconds(0)
	}
	note := &junitNote{Type: kind, Message: report.Printable(message), Text: xmlText(text)}
	switch state {
	case gate.Failed:
		c.Failure = note
		s.Failures++
	case gate.Errored, gate.Undecided:
		if state == gate.Undecided {
			note.Type = "undecided"
		}
		c.Error = note
		s.Errors++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
	s.Tests++
	s.Cases = append(s.Cases, c)
}

// stackText is where a finding is, and its stack, a frame a line.
func stackText(where string, f *gate.Finding) string {
	lines := report.Printable(where)
	for _, fr := range f.Stack {
		lines += "\n\t" + report.Printable(fmt.Sprintf("at %s (%s:%d)", fr.Function, fr.File, fr.Line))
	}
	return lines
}

// xmlText replaces, line by line, what XML cannot hold.
func xmlText(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		rest := strings.TrimLeft(l, "\t")
		lines[i] = l[:len(l)-len(rest)] + report.Printable(rest)
	}
	return strings.Join(lines, "\n")
}

func seconds(s float64) string {
	if !(s > 0) {
		s = 0
	}
	return strconv.FormatFloat(s, 'f', 3, 64)
}

// stamp is a time as JUnit has it, in UTC without a zone.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05")
}
