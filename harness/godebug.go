package harness

import "strings"

// AppendGODEBUG returns env with kv ("memprofilerate=16384") added to GODEBUG.
// What GODEBUG says already stays; for the same key the later value wins in Go.
// Of several GODEBUG entries the last counts, as in os/exec. env is not changed.
func AppendGODEBUG(env []string, kv string) []string {
	const name = "GODEBUG="
	out := append([]string(nil), env...)
	for i := len(out) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(out[i], name); ok {
			if value != "" {
				value += ","
			}
			out[i] = name + value + kv
			return out
		}
	}
	return append(out, name+kv)
}
