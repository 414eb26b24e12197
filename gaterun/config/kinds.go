package config

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/harness"
)

// kind is one sort of value: how it is read and how the JSON schema says it.
type kind struct {
	schema map[string]any // of all but objects and lists of them
	read   func(r *reader, n ast.Node)

	// Of objects:
	keys     []key
	also     map[string]string // names that are often meant by mistake, to the right ones
	rules    []rule
	remember func(at Position, keys map[string]Position) // nil: nobody asks; nested keys are "load.url"
	// Of lists of objects:
	items *kind
	least int
}

// key is one key of an object.
type key struct {
	name, doc string
	required  bool
	kind      kind
}

func object(keys ...key) kind { return kind{keys: keys} }

// listOf is a list of at least so many objects.
func listOf[T any](to *[]T, least int, of func(*T) kind) kind {
	items := of(new(T))
	return kind{items: &items, least: least, read: func(r *reader, n ast.Node) {
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			r.want(n, "a list, each of its items after a dash")
			return
		}
		if len(list.Values) < least {
			r.fail(position(n), "write at least one", "the list is empty")
		}
		for _, v := range list.Values {
			var item T
			r.value(of(&item), v)
			*to = append(*to, item)
		}
	}}
}

// scalar is a kind of one value, which is read from its text.
func scalar(schema map[string]any, read func(s string) error) kind {
	return kind{schema: schema, read: func(r *reader, n ast.Node) {
		s, ok := r.scalar(n)
		if !ok {
			return
		}
		if err := read(s); err != nil {
			r.fail(position(n), "", "%s", err)
		}
	}}
}

func text(to *string) kind {
	return matching(to, nil, "")
}

// matching is text of a form; nil takes any but the empty one.
func matching(to *string, form *regexp.Regexp, says string) kind {
	schema := map[string]any{"type": "string", "minLength": 1}
	if form != nil {
		schema["pattern"] = form.String()
	}
	return kind{schema: schema, read: func(r *reader, n ast.Node) {
		s, ok := r.text(n)
		switch {
		case !ok:
		case strings.TrimSpace(s) == "":
			r.fail(position(n), "write one, or leave the key out", "the text is empty")
		case form != nil && !form.MatchString(s):
			r.fail(position(n), "use "+says, "%q cannot be used here", s)
		default:
			*to = s
		}
	}}
}

func oneOf(to *string, names ...string) kind {
	return scalar(map[string]any{"enum": anys(names)}, func(s string) error {
		for _, n := range names {
			if s == n {
				*to = s
				return nil
			}
		}
		return fmt.Errorf("%q is unknown; write %s", s, strings.Join(names, " or "))
	})
}

// proof is what growth must be to fail.
func proof(to *detect.Proof) kind {
	var s string
	return then(oneOf(&s, string(detect.ProofGrowth), string(detect.ProofProved)), func() { *to = detect.Proof(s) })
}

func words(to *[]string) kind {
	return kind{
		schema: map[string]any{"type": "array", "items": map[string]any{"type": []any{"string", "number", "boolean"}}, "minItems": 1},
		read: func(r *reader, n ast.Node) {
			list, ok := n.(*ast.SequenceNode)
			if !ok || len(list.Values) == 0 {
				r.want(n, "a list of the program and its arguments, as [./server, -addr, \":8080\"]")
				return
			}
			for _, v := range list.Values {
				if s, ok := r.scalar(v); ok {
					*to = append(*to, s)
				}
			}
		},
	}
}

func textMap(to *map[string]string) kind {
	return kind{
		schema: map[string]any{"type": "object", "additionalProperties": map[string]any{"type": []any{"string", "number", "boolean"}}},
		read: func(r *reader, n ast.Node) {
			*to = map[string]string{}
			for _, f := range r.fields(n) {
				if s, ok := r.scalar(f.value); ok {
					(*to)[f.name] = s
				}
			}
		},
	}
}

func headers(to *http.Header) kind {
	return kind{
		schema: map[string]any{"type": "object", "propertyNames": map[string]any{"pattern": headerName.String()},
			"additionalProperties": map[string]any{"type": []any{"string", "number", "boolean"}}},
		read: func(r *reader, n ast.Node) {
			*to = http.Header{}
			for _, f := range r.fields(n) {
				s, ok := r.scalar(f.value)
				switch {
				case !ok:
				case !headerName.MatchString(f.name):
					r.fail(f.at, "write it as Content-Type", "%q is no name of a header", f.name)
				case strings.ContainsAny(s, "\r\n\x00"):
					r.fail(position(f.value), "write it in one line", "the value of header %s holds a line break", f.name)
				default:
					to.Add(f.name, s)
				}
			}
		},
	}
}

// headerName is a token (RFC 9110, section 5.6.2).
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func flag(to *bool) kind {
	return scalar(map[string]any{"type": "boolean"}, func(s string) error {
		switch s {
		case "true", "false":
			*to = s == "true"
			return nil
		}
		return fmt.Errorf("%q is neither true nor false", s)
	})
}

func whole(to *int, least, most int) kind {
	return scalar(map[string]any{"type": "integer", "minimum": least, "maximum": most}, func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q is no whole number from %d to %d", s, least, most)
		}
		*to = n
		return nil
	})
}

const decimal = `[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?`

func number(to *float64) kind    { return numberFrom(to, true) }
func anyNumber(to *float64) kind { return numberFrom(to, false) }

func numberFrom(to *float64, positive bool) kind {
	schema, least := map[string]any{"type": "number", "minimum": 0}, "0 or more"
	if positive {
		schema, least = map[string]any{"type": "number", "exclusiveMinimum": 0}, "above 0"
	}
	return scalar(schema, func(s string) error {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v >= 0) || positive && v == 0 || math.IsInf(v, 0) {
			return fmt.Errorf("%q is no number %s; write for example 0.5", s, least)
		}
		*to = v
		return nil
	})
}

func size(to *float64) kind    { return sizeFrom(to, true) }
func anySize(to *float64) kind { return sizeFrom(to, false) }

func sizeFrom(to *float64, positive bool) kind {
	plain, least := map[string]any{"type": "number", "minimum": 0}, ""
	form := `^ *` + decimal + ` *([kKmMgGtT][iI]?[bB]|[kKmMgGtT][iI]|[bB])? *$`
	if positive {
		plain, least = map[string]any{"type": "number", "exclusiveMinimum": 0}, " above 0"
	}
	return scalar(map[string]any{"anyOf": []any{plain, map[string]any{"type": "string", "pattern": form}}}, func(s string) error {
		v, err := report.ParseBytes(s)
		if err == nil && positive && v == 0 {
			err = fmt.Errorf("%q is no size%s", s, least)
		}
		if err == nil {
			*to = v
		}
		return err
	})
}

// bytesOrRate is a size above 0, or one over a time, in bytes per second.
func bytesOrRate(bytes, perSecond *float64) kind {
	schema := map[string]any{"anyOf": []any{
		map[string]any{"type": "number", "exclusiveMinimum": 0},
		map[string]any{"type": "string", "pattern": `^ *` + decimal + ` *([kKmMgGtT][iI]?[bB]|[kKmMgGtT][iI]|[bB])? *(/ *(` + decimal + `)? *(s|min|h|day|week) *)?$`},
	}}
	return scalar(schema, func(s string) error {
		read, to := report.ParseBytes, bytes
		if strings.Contains(s, "/") {
			read, to = report.ParseBytesPerSecond, perSecond
		}
		v, err := read(s)
		if err == nil && v == 0 {
			err = fmt.Errorf("%q is no size above 0", s)
		}
		if err == nil {
			*to = v
		}
		return err
	})
}

func share(to *float64) kind {
	schema := map[string]any{"anyOf": []any{
		map[string]any{"type": "number", "minimum": 0, "maximum": 1},
		map[string]any{"type": "string", "pattern": `^` + decimal + ` *%$`},
	}}
	return scalar(schema, func(s string) error {
		number, percent := strings.CutSuffix(s, "%")
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if percent {
			v /= 100
		}
		if err != nil || !(v >= 0 && v <= 1) {
			return fmt.Errorf("%q is no share; write 1%% or 0.01", s)
		}
		*to = v
		return nil
	})
}

const durationForm = `^([0-9]*\.?[0-9]+(ns|us|µs|ms|s|m|h))+$`

func duration(to *time.Duration) kind    { return durationFrom(to, true) }
func anyDuration(to *time.Duration) kind { return durationFrom(to, false) }

func durationFrom(to *time.Duration, positive bool) kind {
	form := map[string]any{"type": "string", "pattern": durationForm}
	schema := map[string]any{"anyOf": []any{form, map[string]any{"const": 0}}}
	if positive {
		schema = form
	}
	return scalar(schema, func(s string) error {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil || d < 0:
			return fmt.Errorf("%q is not a length of time; write for example 500ms, 30s or 2m", s)
		case positive && d == 0:
			return fmt.Errorf("%q is no time at all; write for example 30s", s)
		}
		*to = d
		return nil
	})
}

// milliseconds is a length of time as a number of them.
func milliseconds(to *float64) kind {
	var d time.Duration
	k := durationFrom(&d, true)
	return then(k, func() { *to = float64(d) / float64(time.Millisecond) })
}

func rate(to **harness.Rate) kind {
	part := `[0-9]*\.?[0-9]+`
	schema := map[string]any{"anyOf": []any{
		map[string]any{"type": "number", "exclusiveMinimum": 0},
		map[string]any{"type": "string", "pattern": `^` + part + `( *\.\. *` + part + `|( *, *` + part + `)*)$`},
	}}
	return scalar(schema, func(s string) error {
		v, err := harness.ParseRate(s)
		switch {
		case err != nil:
			return err
		case v.Zero():
			return fmt.Errorf("rate %q is no load; write arrivals a second, as 200", s)
		}
		*to = &v
		return nil
	})
}

func arrivals(poisson *bool) kind {
	var s string
	return then(oneOf(&s, "even", "poisson"), func() { *poisson = s == "poisson" })
}

func day(to *string) kind {
	return scalar(map[string]any{"type": "string", "pattern": `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`}, func(s string) error {
		if _, err := time.Parse("2006-01-02", s); err != nil {
			return fmt.Errorf("%q is no day; write it as 2027-03-31", s)
		}
		*to = s
		return nil
	})
}

// then does something once a value was read without a mistake.
func then(k kind, do func()) kind {
	read := k.read
	k.read = func(r *reader, n ast.Node) {
		before := len(r.errs)
		if read(r, n); len(r.errs) == before {
			do()
		}
	}
	return k
}

// seen also notes that the key is there.
func seen(has *bool, k kind) kind {
	read := k.read
	k.read = func(r *reader, n ast.Node) { *has = true; read(r, n) }
	return k
}

// optional leaves a pointer nil where the key is not there.
func optional[T any](to **T, of func(*T) kind) kind {
	v := new(T)
	return then(of(v), func() { *to = v })
}

func optionalFlag(to **bool) kind { return optional(to, flag) }

func optionalWhole(to **int, least, most int) kind {
	return optional(to, func(n *int) kind { return whole(n, least, most) })
}
