package config

import "maps"

// rule is what keys of one object ask of each other. Schema is its form in the
// JSON schema, nil where that cannot say it.
type rule struct {
	schema map[string]any
	check  func(r *reader, at Position, has map[string]Position)
}

// scenarioRules say what is to be observed, and who makes the load.
func scenarioRules(s *Scenario) []rule {
	required := func(names ...string) map[string]any { return map[string]any{"required": anys(names)} }
	not := func(names ...string) map[string]any {
		var each []any
		for _, n := range names {
			each = append(each, required(n))
		}
		return map[string]any{"not": map[string]any{"anyOf": each}}
	}
	// asked is a load that says what is asked.
	asked := map[string]any{"required": anys([]string{"load"}), "properties": map[string]any{
		"load": map[string]any{"anyOf": []any{required("url"), required("targets")}},
	}}
	theirs := []string{"command", "dir", "env", "pprof", "pprof_header", "metrics", "ops_metric", "module"}
	asking := []string{"url", "targets", "method", "body", "header", "http2", "unix_socket", "ca", "cert", "key", "insecure"}
	pacing := []string{"rate", "arrivals", "passes", "max_in_flight", "queue", "quiesce", "drain"}
	return []rule{
		{
			map[string]any{"anyOf": []any{required("command"), required("pprof"), required("lab")}},
			func(r *reader, at Position, has map[string]Position) {
				if !given(has, "command", "pprof", "lab") {
					r.fail(at, "give a command to start, pprof, the address of a running target, or lab, one of heapdrift's own", "the scenario has nothing to observe")
				}
			},
		},
		{
			map[string]any{"if": required("lab"), "then": not(theirs...)},
			func(r *reader, _ Position, has map[string]Position) {
				if given(has, "lab") {
					r.refuse(has, theirs, "a scenario of the lab is started and reached by heapdrift itself")
				}
			},
		},
		{
			map[string]any{"if": required("lab"), "then": map[string]any{"properties": map[string]any{"load": not(asking...)}}},
			func(r *reader, _ Position, has map[string]Position) {
				if given(has, "lab") {
					r.refuse(inside(s.keys, "load."), asking, "a scenario of the lab brings what is asked of it")
				}
			},
		},
		{
			map[string]any{"if": map[string]any{"anyOf": []any{required("variant"), required("keep")}}, "then": required("lab")},
			func(r *reader, _ Position, has map[string]Position) {
				if !given(has, "lab") {
					r.refuse(has, []string{"variant", "keep"}, "it is for a scenario of the lab (lab)")
				}
			},
		},
		{
			map[string]any{"if": map[string]any{"anyOf": []any{required("dir"), required("env")}}, "then": required("command")},
			func(r *reader, _ Position, has map[string]Position) {
				if !given(has, "command", "lab") {
					r.refuse(has, []string{"dir", "env"}, "there is no command to start")
				}
			},
		},
		{
			map[string]any{"properties": map[string]any{"load": map[string]any{"not": required("url", "targets")}}},
			func(r *reader, _ Position, _ map[string]Position) {
				if s.Load.HasURL && s.Load.HasTargets {
					r.fail(s.Where("load.targets"), "leave one of them out", "url and targets both say what is asked")
				}
			},
		},
		{
			map[string]any{"properties": map[string]any{"load": map[string]any{"if": required("targets"), "then": not("method", "body")}}},
			func(r *reader, _ Position, _ map[string]Position) {
				if s.Load.HasTargets {
					r.refuse(inside(s.keys, "load."), []string{"method", "body"}, "the targets file says what is asked")
				}
			},
		},
		{
			map[string]any{"if": map[string]any{"not": map[string]any{"anyOf": []any{required("lab"), asked}}},
				"then": map[string]any{"properties": map[string]any{
					"load": not(append(asking[2:len(asking):len(asking)], pacing...)...), "strict_rate": false, "canary": map[string]any{"const": false},
				}}},
			func(r *reader, _ Position, has map[string]Position) {
				if given(has, "lab") || s.Load.Asks() {
					return
				}
				r.refuse(inside(s.keys, "load."), append(asking[2:len(asking):len(asking)], pacing...), "there is no load of heapdrift's own: give load.url or load.targets, too")
				r.refuse(has, []string{"strict_rate"}, "there is no load of heapdrift's own")
				if s.Canary != nil && *s.Canary {
					r.refuse(has, []string{"canary"}, "there is no load of heapdrift's own that could reach it")
				}
			},
		},
	}
}

// given reports that one of the keys is there.
func given(has map[string]Position, names ...string) bool {
	for _, n := range names {
		if _, ok := has[n]; ok {
			return true
		}
	}
	return false
}

// refuse says of each of the keys that is there why it must not be.
func (r *reader) refuse(has map[string]Position, names []string, why string) {
	for _, n := range names {
		if at, ok := has[n]; ok {
			r.fail(at, "leave it out", "%s does not go here: %s", n, why)
		}
	}
}

// inside are the keys below a prefix, without it.
func inside(keys map[string]Position, prefix string) map[string]Position {
	out := map[string]Position{}
	for k, at := range maps.All(keys) {
		if len(k) > len(prefix) && k[:len(prefix)] == prefix {
			out[k[len(prefix):]] = at
		}
	}
	return out
}

func anys(names []string) []any {
	out := make([]any, len(names))
	for i, n := range names {
		out[i] = n
	}
	return out
}
