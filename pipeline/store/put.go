package store

import (
	"context"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// NewDraft gives out the number for a document that comes in parts.
func (s *Store) NewDraft() uint64 { return s.drafts.Add(1) }

// Put stores the records in one commit: all of them or none. A document
// replaces the one with the same id, so that putting it again changes nothing.
// A draft replaces it with its last part.
func (s *Store) Put(ctx context.Context, records []Record) error {
	if err := alive(ctx, fmt.Sprintf("store %d documents", len(records))); err != nil {
		return err
	}
	noted := 0
	err := s.update(len(records), func(tx *bbolt.Tx) error {
		noted = 0
		for _, r := range records {
			n, err := s.putOne(tx, r)
			if err != nil {
				return fmt.Errorf("document %q: %w", r.ID, err)
			}
			noted += n
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store %d documents: %w", len(records), err)
	}
	if noted > 0 {
		s.pending.Add(int64(noted))
		s.wake()
	}
	return nil
}

// putOne stores one record and returns how many entries the outbox gained.
func (s *Store) putOne(tx *bbolt.Tx, r Record) (int, error) {
	head := headOf(r)
	var value []byte
	if r.Draft != 0 {
		if err := putPart(tx, r); err != nil || !r.Last {
			return 0, err
		}
		if err := head.sum(tx, r); err != nil {
			return 0, err
		}
		value = appendHead(nil, head)
	} else {
		// bbolt keeps key and value until the commit: each needs bytes of its own.
		value = encode(r)
	}
	documents := tx.Bucket([]byte(bucketDocuments))
	same := false
	if old := documents.Get([]byte(r.ID)); old != nil {
		was, err := decodeHead(r.ID, old)
		if err != nil {
			return 0, err
		}
		same = r.Fingerprint != 0 && was.Fingerprint == r.Fingerprint && was.Dimensions == head.Dimensions
		if was.draft != 0 && was.draft != r.Draft {
			if err := removeDraft(tx, was.draft); err != nil {
				return 0, err
			}
		}
	}
	if err := documents.Put([]byte(r.ID), value); err != nil {
		return 0, err
	}
	if !s.outbox || same {
		return 0, nil
	}
	return 1, note(tx, r.ID)
}

func putPart(tx *bbolt.Tx, r Record) error {
	drafts := tx.Bucket([]byte(bucketDrafts))
	var err error
	if r.Last {
		err = drafts.Delete(draftKey(r.Draft))
	} else if r.Seq == 0 {
		err = drafts.Put(draftKey(r.Draft), nil)
	}
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketParts)).Put(partKey(r.Draft, r.Seq), appendContent(make([]byte, 0, size(r)), r))
}

// sum completes the head of a draft whose last part is r: the parts' sizes are
// at the front of each.
func (h *Head) sum(tx *bbolt.Tx, last Record) error {
	h.draft, h.parts = last.Draft, last.Seq+1
	h.Chunks, h.Entities = last.Total.Chunks, last.Total.Entities
	if h.Dimensions == 0 && h.parts > 1 {
		var first Record
		if err := decodeContent(tx.Bucket([]byte(bucketParts)).Get(partKey(h.draft, 0)), &first); err != nil {
			return fmt.Errorf("its first part: %w", err)
		}
		if len(first.Chunks) > 0 {
			h.Dimensions = len(first.Chunks[0].Vector)
		}
	}
	return nil
}

// Discard removes a draft that will not be completed.
func (s *Store) Discard(ctx context.Context, draft uint64) error {
	if err := alive(ctx, "discard draft"); err != nil {
		return err
	}
	if err := s.update(0, func(tx *bbolt.Tx) error { return removeDraft(tx, draft) }); err != nil {
		return fmt.Errorf("discard draft: %w", err)
	}
	return nil
}

// removeDraft removes all parts of a draft. O(parts).
func removeDraft(tx *bbolt.Tx, draft uint64) error {
	if err := tx.Bucket([]byte(bucketDrafts)).Delete(draftKey(draft)); err != nil {
		return err
	}
	cursor := tx.Bucket([]byte(bucketParts)).Cursor()
	prefix := draftKey(draft)
	for {
		// A deletion may move the cursor: it is set anew for each.
		k, _ := cursor.Seek(prefix)
		if len(k) < 8 || binary.BigEndian.Uint64(k) != draft {
			return nil
		}
		if err := cursor.Delete(); err != nil {
			return err
		}
	}
}

func draftKey(draft uint64) []byte { return binary.BigEndian.AppendUint64(nil, draft) }

func partKey(draft uint64, seq int) []byte {
	return binary.BigEndian.AppendUint32(draftKey(draft), uint32(seq))
}
