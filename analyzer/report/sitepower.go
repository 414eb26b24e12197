package report

import (
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// SitePower is Power's of one site.
type SitePower struct {
	Function       string   `json:"function"`
	File           string   `json:"file,omitempty"`
	Line           int      `json:"line,omitempty"`
	BytesPerOp     *float64 `json:"bytes_per_op,omitempty"`
	BytesPerSecond *float64 `json:"bytes_per_second,omitempty"` // where operations are unknown
	Confidence     *float64 `json:"confidence,omitempty"`
}

func sitePower(p *detect.SitePower, ops bool) *SitePower {
	if p == nil || !allFinite(p.Bytes) {
		return nil
	}
	out := &SitePower{Function: p.Function, File: p.File, Line: p.Line, Confidence: known(p.Confidence)}
	if ops {
		out.BytesPerOp = known(p.Bytes)
	} else {
		out.BytesPerSecond = known(p.Bytes)
	}
	return out
}

// naming says from what size on a leak would have been named and not only seen;
// empty where that is not known.
func naming(run *snapshot.Run, res *detect.Result) string {
	p := res.Power
	if p == nil || p.SiteBytes == nil || !allFinite(*p.SiteBytes) || *p.SiteBytes <= 0 {
		return ""
	}
	per := "/" + axis(res)
	s := "A single site would have been named from " + atMostBytes(*p.SiteBytes) + per + " on"
	if b := p.Busiest; b != nil && allFinite(b.Bytes) {
		s += "; one in " + shortFunction(b.Function)
		if at := place(b.Function, b.File, b.Line, run.Target.Module); at != "" {
			s += " (" + at + ")"
		}
		s += ", where much comes and goes, from " + atMostBytes(b.Bytes) + per + " on"
		if allFinite(b.Confidence) && b.Confidence > 0 {
			s += " (" + short(100*b.Confidence) + " %)"
		}
	}
	return s + "."
}
