package lab

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/service"
)

// MaxKept is what a Keeper keeps at most, bytes.
const MaxKept = 256 << 20

// Keeper is a leak of known size: it keeps a number of bytes of each operation.
// Objects have one size; what is less than one is kept with a later operation.
// It is safe for concurrent use.
type Keeper struct {
	perOp  float64       // bytes
	object float64       // bytes of one kept object, its data in a size class
	data   int           // bytes of its data; 0: a bare one
	full   chan struct{} // closed at MaxKept

	mu    sync.Mutex
	ops   uint64
	debt  float64 // bytes that are still to be kept
	last  *kept
	total float64 // bytes
}

// kept is one leaked object.
type kept struct {
	before *kept
	_      uintptr
}

type keptData struct {
	kept
	data []byte
}

const (
	bareObject   = 16  // bytes of a kept
	keptDataSize = 48  // bytes of a keptData, 40, in its size class
	dataFrom     = 128 // bytes per operation from which on objects have data
)

// NewKeeper makes a leak of perOp bytes per operation, 0 or more.
func NewKeeper(perOp float64) (*Keeper, error) {
	if !(perOp >= 0) || math.IsInf(perOp, 0) {
		return nil, fmt.Errorf("%v bytes of an operation cannot be kept; give 0 or more", perOp)
	}
	k := &Keeper{perOp: perOp, object: bareObject, full: make(chan struct{})}
	if perOp >= dataFrom {
		k.data = cap(slices.Grow([]byte(nil), int(math.Min(perOp, MaxKept))-keptDataSize)) // the whole of a size class
		k.object = float64(keptDataSize + k.data)
	}
	return k, nil
}

// Keep keeps what one operation is to keep, and returns the operation's number,
// from 1 on.
func (k *Keeper) Keep() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ops++
	k.debt += k.perOp
	for k.debt >= k.object && k.total < MaxKept {
		k.one()
	}
	return k.ops
}

func (k *Keeper) one() {
	if k.data > 0 {
		d := &keptData{kept{before: k.last}, make([]byte, k.data)}
		k.last = &d.kept
	} else {
		k.last = &kept{before: k.last}
	}
	k.debt -= k.object
	if k.total += k.object; k.total >= MaxKept {
		close(k.full)
	}
}

// Full is closed when nothing more is kept.
func (k *Keeper) Full() <-chan struct{} { return k.full }

// keepingReader keeps something of each document that is read.
type keepingReader struct {
	service.Reader
	keeper *Keeper
}

func (r keepingReader) Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error) {
	r.keeper.Keep()
	return r.Reader.Read(ctx, body, size)
}
