package publish

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"github.com/zeebo/xxh3"

	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/store"
)

// key names a version of a document: the same for every try to send it. An id
// need not be fit for a header, its hash is.
func key(h store.Head) string {
	return fmt.Sprintf("%016x-%016x-%d", xxh3.HashString(h.ID), h.Fingerprint, h.Dimensions)
}

// write writes a document as JSON, a part of it in memory at a time:
//
//	{"id","source","title","dimensions",
//	 "chunks":[{"start","end","vector"}, …],"entities":[{"kind","text","start","end"}, …]}
//
// A vector is its float32 in little endian, in base64, as OpenAI's
// encoding_format "base64" has it.
func write(ctx context.Context, out *bufio.Writer, head store.Head, outbox Outbox) error {
	front, err := json.Marshal(struct {
		ID         string `json:"id"`
		Source     string `json:"source"`
		Title      string `json:"title"`
		Dimensions int    `json:"dimensions"`
	}{head.ID, head.Source, head.Title, head.Dimensions})
	if err != nil {
		return err
	}
	_, _ = out.Write(front[:len(front)-1]) // an error stays with out until its Flush
	_, _ = out.WriteString(`,"chunks":[`)
	list := list{out: out}
	err = outbox.Parts(ctx, head.ID, func(part store.Record) error {
		for _, c := range part.Chunks {
			if err := list.add(chunk{c.Start, c.End, floats(c.Vector)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, _ = out.WriteString(`],"entities":[`)
	list.some = false
	err = outbox.Parts(ctx, head.ID, func(part store.Record) error {
		for _, e := range part.Entities {
			if err := list.add(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = out.WriteString("]}\n")
	return err
}

type chunk struct {
	Start  int    `json:"start"` // bytes of the normalised text
	End    int    `json:"end"`
	Vector string `json:"vector"`
}

// list writes the elements of a JSON array.
type list struct {
	out  *bufio.Writer
	some bool // an element was written
}

func (l *list) add(element any) error {
	b, err := json.Marshal(element)
	if err != nil {
		return err
	}
	if l.some {
		_ = l.out.WriteByte(',')
	}
	l.some = true
	_, err = l.out.Write(b)
	return err
}

func floats(v embed.Vector) string {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}
