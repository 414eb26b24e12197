package series

import "math"

// Class is the live objects of one size class of the allocator, exactly
// counted (MemStats.BySize): those of more than Over and up to Size bytes.
type Class struct {
	Over, Size uint32
	Objects    []float64 // per snapshot, NaN where not known
}

// Holds reports that an object of so many bytes is of the class.
func (c *Class) Holds(size int64) bool { return size > int64(c.Over) && size <= int64(c.Size) }

// classes fills Classes: where at least two snapshots have them with the same
// bounds. The first of MemStats.BySize is of size 0 and empty; what is larger
// than the last is in no class.
func (r *Run) classes() {
	first, known := -1, 0
	for i, s := range r.Snapshots {
		switch b := s.Counters.BySize; {
		case len(b) == 0:
		case first < 0:
			first, known = i, 1
		case len(b) == len(r.Snapshots[first].Counters.BySize):
			known++
		}
	}
	if known < 2 {
		return
	}
	over := uint32(0)
	for j, c := range r.Snapshots[first].Counters.BySize {
		if c.Size == 0 || c.Size <= over {
			continue
		}
		x := Class{Over: over, Size: c.Size, Objects: make([]float64, len(r.Snapshots))}
		over = c.Size
		for i, s := range r.Snapshots {
			x.Objects[i] = math.NaN()
			if b := s.Counters.BySize; j < len(b) && b[j].Size == c.Size && b[j].Mallocs >= b[j].Frees {
				x.Objects[i] = float64(b[j].Mallocs - b[j].Frees)
			}
		}
		r.Classes = append(r.Classes, x)
	}
}
