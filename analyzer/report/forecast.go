package report

import "github.com/heapdrift/heapdrift/analyzer/detect"

// forecast says when memory runs out, and what is taken for granted; empty where
// it is not known.
func forecast(res *detect.Result) string {
	f := res.Forecast
	if f == nil || !allFinite(f.SecondsToLimit.Estimate) || f.SecondsToLimit.Estimate < 0 {
		return ""
	}
	size := Bytes(float64(f.LimitBytes))
	when := "in about " + Duration(f.SecondsToLimit.Estimate)
	if i := f.SecondsToLimit; i.Finite() && i.Lo >= 0 {
		when += " [" + Duration(i.Lo) + ", " + Duration(i.Hi) + "]"
	}
	when += " at this rate"
	if f.Assumes != "" {
		when += ", if " + f.Assumes
	}
	switch f.Limit {
	case detect.LimitGo:
		return "GOMEMLIMIT (" + size + ") is reached " + when + "; from then on the collector runs all the time."
	case detect.LimitCgroup:
		return "Out of memory (control group's limit, " + size + ") " + when + "."
	}
	return "Out of memory (" + size + ") " + when + "."
}
