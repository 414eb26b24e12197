// Package embed turns chunks of text into dense vectors. The one built in is
// signed feature hashing: no model, no network, the same vector on every
// machine.
package embed

import (
	"context"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Dimensions is the length of every vector that Hasher makes.
const Dimensions = 2048

// Vector is one chunk's embedding. Hasher's are of length 1 in the Euclidean
// norm, or all zero for a chunk without a word.
type Vector []float32

// Hasher embeds by signed feature hashing (Weinberger et al., "Feature Hashing
// for Large Scale Multitask Learning", ICML 2009): every word, folded to lower
// case, and every pair of neighbouring words is hashed; the low bits choose
// the dimension, the top bit the sign, so that collisions cancel on average.
// Words count 1, pairs pairWeight.
//
// The zero value works. It holds no state: any number of goroutines may share
// one.
type Hasher struct{}

const pairWeight = 0.5

// Embed returns one vector a chunk, in the order of the chunks, each in an
// array of its own that the caller owns.
func (h Hasher) Embed(ctx context.Context, chunks []text.Chunk) ([]Vector, error) {
	vectors := make([]Vector, len(chunks))
	for i, c := range chunks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		vectors[i] = h.Vector(c.Text)
	}
	return vectors, nil
}

// Vector embeds one piece of text. O(len(s)) time, one allocation beside the
// walk over the words.
func (h Hasher) Vector(s string) Vector {
	v := make(Vector, Dimensions)
	var fold [64]byte
	var previous uint64
	first := true
	for word := range text.Words(s) {
		feature := hashFolded(word, &fold)
		add(v, feature, 1)
		if !first {
			// The pair's feature depends on the order of its words.
			add(v, previous*0x9e3779b97f4a7c15^feature, pairWeight)
		}
		previous, first = feature, false
	}
	normalize(v)
	return v
}

// hashFolded hashes a word in lower case, in buf where it is short ASCII.
func hashFolded(word string, buf *[64]byte) uint64 {
	if len(word) > len(buf) {
		return xxh3.HashString(strings.ToLower(word))
	}
	for i := range len(word) {
		c := word[i]
		if c >= utf8.RuneSelf {
			return xxh3.HashString(strings.ToLower(word))
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return xxh3.Hash(buf[:len(word)])
}

func add(v Vector, feature uint64, weight float32) {
	if feature>>63 == 1 {
		weight = -weight
	}
	v[feature%Dimensions] += weight
}

// normalize scales v to length 1; a zero vector stays as it is. The sum is
// kept in float64 so that the result does not depend on the vector's order of
// magnitude.
func normalize(v Vector) {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range v {
		v[i] *= scale
	}
}
