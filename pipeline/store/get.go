package store

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// ErrReplaced is what a reader gets when the document was replaced by another
// with its id while it was being read.
var ErrReplaced = errors.New("the document was replaced while it was read")

// Head returns what is known of a document without reading its content; false
// if there is none.
func (s *Store) Head(ctx context.Context, id string) (Head, bool, error) {
	if err := alive(ctx, fmt.Sprintf("read document %q", id)); err != nil {
		return Head{}, false, err
	}
	var head Head
	found := false
	err := s.view(func(tx *bbolt.Tx) error {
		value := tx.Bucket([]byte(bucketDocuments)).Get([]byte(id))
		if value == nil {
			return nil
		}
		found = true
		var err error
		head, err = decodeHead(id, value)
		head.body = nil
		return err
	})
	if err != nil {
		return Head{}, false, fmt.Errorf("read document %q: %w", id, err)
	}
	return head, found, nil
}

// Parts calls use with the document in parts, in order, one at a time in
// memory, each with the document's id, source and title. A document that is
// not there has no parts. It holds no transaction while use runs.
func (s *Store) Parts(ctx context.Context, id string, use func(Record) error) error {
	var first Head
	for seq := 0; seq == 0 || seq < first.parts; seq++ {
		if err := alive(ctx, fmt.Sprintf("read document %q", id)); err != nil {
			return err
		}
		record, found := Record{}, false
		err := s.view(func(tx *bbolt.Tx) error {
			value := tx.Bucket([]byte(bucketDocuments)).Get([]byte(id))
			if value == nil {
				return nil
			}
			found = true
			head, err := decodeHead(id, value)
			if err != nil {
				return err
			}
			if seq == 0 {
				first = head
			} else if head.draft != first.draft {
				return ErrReplaced
			}
			record = head.record()
			record.Draft, record.Seq, record.Last = head.draft, seq, seq+1 >= head.parts
			if head.draft != 0 {
				head.body = tx.Bucket([]byte(bucketParts)).Get(partKey(head.draft, seq))
			}
			return decodeContent(head.body, &record)
		})
		if err != nil {
			return fmt.Errorf("read document %q: %w", id, err)
		}
		if !found {
			if seq > 0 {
				return fmt.Errorf("read document %q: %w", id, ErrReplaced)
			}
			return nil
		}
		if err := use(record); err != nil {
			return err
		}
	}
	return nil
}

// Get returns the whole document with the given id, in memory; false if there
// is none.
func (s *Store) Get(ctx context.Context, id string) (Record, bool, error) {
	var whole Record
	found := false
	err := s.Parts(ctx, id, func(r Record) error {
		if !found {
			whole, found = r, true
			whole.Draft, whole.Seq, whole.Last = 0, 0, false
			return nil
		}
		whole.Chunks = append(whole.Chunks, r.Chunks...)
		whole.Entities = append(whole.Entities, r.Entities...)
		return nil
	})
	if err != nil {
		return Record{}, false, err
	}
	return whole, found, nil
}
