package snapshot

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/google/pprof/profile"
)

// Limits of one profile, far above what a Go program serves (a stack a sample,
// some 100 bytes each): outside data must not be able to fill the memory.
const (
	MaxProfileBytes    = 128 << 20 // inflated
	maxProfileMessages = 4 << 20   // samples, locations, functions, strings together
)

// Decode reads a pprof profile, gzip or not, and reports its kind. Only the
// protocol buffer that Go writes is read: the older text formats carry no
// function names. Stacks are in p.Sample; p is checked to be consistent. The
// error wraps ErrNotProfile.
func Decode(data []byte) (*profile.Profile, Kind, error) {
	data, err := Inflate(data)
	if err != nil {
		return nil, "", err
	}
	if err := plausible(data, maxProfileMessages); err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrNotProfile, err)
	}
	p, err := profile.ParseUncompressed(data)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrNotProfile, err)
	}
	if err := p.CheckValid(); err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrNotProfile, err)
	}
	return p, kindOf(p), nil
}

// Inflate decompresses a profile to at most MaxProfileBytes; bytes that are
// not gzip are returned as they are. The error wraps ErrNotProfile.
func Inflate(data []byte) ([]byte, error) { return inflate(data, MaxProfileBytes) }

func inflate(data []byte, limit int) ([]byte, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrNotProfile)
	}
	if len(data) < 2 || data[0] != 0x1f || data[1] != 0x8b {
		if len(data) > limit {
			return nil, tooLong(limit)
		}
		return data, nil
	}
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: its gzip header is broken: %w", ErrNotProfile, err)
	}
	var out bytes.Buffer
	out.Grow(min(8*len(data), limit))
	n, err := io.Copy(&out, io.LimitReader(zr, int64(limit)+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: it was cut short: %w", ErrNotProfile, err)
	case err != nil:
		return nil, fmt.Errorf("%w: it does not decompress: %w", ErrNotProfile, err)
	case n > int64(limit):
		return nil, tooLong(limit)
	}
	return out.Bytes(), nil
}

func tooLong(limit int) error {
	return fmt.Errorf("%w: it is larger than the limit of %d MiB after decompression", ErrNotProfile, limit>>20)
}

// plausible walks the outermost fields of a protocol buffer: bytes that are
// none, and ones with so many messages that decoding would take gigabytes, end
// here.
func plausible(b []byte, limit int) error {
	for n := 0; len(b) > 0; n++ {
		if n >= limit {
			return fmt.Errorf("it holds more than %d messages", limit)
		}
		tag, k := binary.Uvarint(b)
		if k <= 0 || tag>>3 == 0 {
			return errors.New("its bytes are no protocol buffer")
		}
		b = b[k:]
		skip := 0
		switch tag & 7 {
		case 0:
			_, skip = binary.Uvarint(b)
		case 1:
			skip = 8
		case 2:
			if l, k := binary.Uvarint(b); k > 0 && l <= uint64(len(b)-k) {
				skip = k + int(l)
			}
		case 5:
			skip = 4
		default:
			return errors.New("its bytes are no protocol buffer")
		}
		switch {
		case skip <= 0:
			return errors.New("its bytes are no protocol buffer, or it was cut short")
		case skip > len(b):
			return errors.New("it was cut short")
		}
		b = b[skip:]
	}
	return nil
}
