package store

import (
	"context"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// Note is one entry of the outbox: a document that is to be published.
type Note struct {
	Number uint64 // entries are numbered in the order in which they were stored
	ID     string
}

// note adds an entry to the outbox, in the commit that stores the document: the
// one is never there without the other.
func note(tx *bbolt.Tx, id string) error {
	outbox := tx.Bucket([]byte(bucketOutbox))
	number, err := outbox.NextSequence()
	if err != nil {
		return err
	}
	return outbox.Put(binary.BigEndian.AppendUint64(nil, number), []byte(id))
}

// Notes returns the first entries of the outbox after a number, at most limit.
func (s *Store) Notes(ctx context.Context, after uint64, limit int) ([]Note, error) {
	if err := alive(ctx, "read outbox"); err != nil {
		return nil, err
	}
	var notes []Note
	err := s.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket([]byte(bucketOutbox)).Cursor()
		for k, v := cursor.Seek(draftKey(after + 1)); len(k) == 8 && len(notes) < limit; k, v = cursor.Next() {
			notes = append(notes, Note{Number: binary.BigEndian.Uint64(k), ID: string(v)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return notes, nil
}

// Strike removes entries from the outbox, in one commit.
func (s *Store) Strike(ctx context.Context, numbers []uint64) error {
	if len(numbers) == 0 {
		return nil
	}
	if err := alive(ctx, "strike from outbox"); err != nil {
		return err
	}
	struck := 0
	err := s.update(0, func(tx *bbolt.Tx) error {
		struck = 0
		outbox := tx.Bucket([]byte(bucketOutbox))
		for _, n := range numbers {
			key := binary.BigEndian.AppendUint64(nil, n)
			if outbox.Get(key) == nil {
				continue
			}
			if err := outbox.Delete(key); err != nil {
				return err
			}
			struck++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("strike from outbox: %w", err)
	}
	s.pending.Add(-int64(struck))
	return nil
}

// Pending returns how many entries the outbox has. Cheap.
func (s *Store) Pending() int { return int(s.pending.Load()) }

// Noted gives a value after entries were added to the outbox: one for any
// number of them. For one receiver.
func (s *Store) Noted() <-chan struct{} { return s.noted }

func (s *Store) wake() {
	select {
	case s.noted <- struct{}{}:
	default:
	}
}
