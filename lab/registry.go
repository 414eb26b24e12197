package lab

import (
	"fmt"
	"strings"
)

// Scenarios returns all of them, in the order in which they are listed. It
// works out their truth from their documents, some 100 ms: keep the result.
func Scenarios() []Scenario {
	entries := registry()
	scenarios := make([]Scenario, len(entries))
	for i, e := range entries {
		scenarios[i] = e.build(e.name)
	}
	return scenarios
}

// Find returns the scenario of that name.
func Find(name string) (Scenario, error) {
	entries := registry()
	names := make([]string, len(entries))
	for i, e := range entries {
		if e.name == name {
			return e.build(name), nil
		}
		names[i] = e.name
	}
	return Scenario{}, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(names, ", "))
}

type entry struct {
	name  string
	build func(name string) Scenario
}

// registry lists the scenarios without working out their truth: the pairs,
// then the controls.
func registry() []entry {
	return []entry{
		{"closure", closure},
		{"subslice", subslice},
		{"stuckreceive", stuckreceive},
		{"stucksend", stucksend},
		{"appendonly", appendonly},
		{"cache", cache},
		{"labels", labels},
		{"context", contextChildren},
		{"body", body},
		{"queue", queue},
		{"wholedoc", wholedoc},
		{"churn", churn},
		{"pool", pool},
		{"warmcache", warmCache},
		{"burst", burst},
		{"sawtooth", sawTooth},
		{"rampworkers", rampWorkers},
	}
}
