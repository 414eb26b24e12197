package pipeline

import "time"

// StageStats is what one stage has done since the pipeline started, and what
// it is doing.
type StageStats struct {
	Stage     string
	Documents int64         // finished without an error
	Bytes     int64         // of the finished documents' text
	Chunks    int64         // of the finished documents
	Errors    int64         // documents that failed in this stage
	Refused   int64         // documents that found this stage's queue full
	Busy      time.Duration // time spent working, summed over the workers
	InFlight  int64         // documents being worked on
	Queued    int           // documents waiting for this stage
	Capacity  int           // documents that may wait
}

// Stats returns the stages' counts in the order a document passes them. Each
// number is exact; together they are not one moment.
func (p *Pipeline) Stats() []StageStats {
	stages := []*stage{&p.split, &p.embed, &p.put}
	stats := make([]StageStats, len(stages))
	for i, s := range stages {
		stats[i] = StageStats{
			Stage:     s.name,
			Documents: s.documents.Load(),
			Bytes:     s.bytes.Load(),
			Chunks:    s.chunks.Load(),
			Errors:    s.errors.Load(),
			Refused:   s.refused.Load(),
			Busy:      time.Duration(s.nanos.Load()),
			InFlight:  s.busy.Load(),
			Queued:    len(s.queue),
			Capacity:  cap(s.queue),
		}
	}
	return stats
}
