package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// FileName is the store's file within its folder.
const FileName = "documents.bolt"

const (
	lockName   = "lock.bolt"
	bucketName = "documents"
	// renewAfter is after how many records the file is closed and opened again.
	//
	// bbolt notes every page that it takes from its list of free pages until
	// that page is freed again (freelist.allocs, v1.5.0). The pages of records
	// that stay are never freed: measured, 11 to 25 bytes of live heap a
	// document, for as long as the file is open. Opening it again costs about
	// a millisecond and begins that list anew.
	renewAfter = 256
)

// Options says where the store lives and how careful it is.
type Options struct {
	Dir string // made if it is not there
	// NoSync leaves it to the operating system when a commit reaches the disk.
	// What Put returned for survives the process's death, not the machine's,
	// and after a power cut the file may be damaged. For measurements and
	// tests; the zero value syncs every commit.
	NoSync bool
}

// Store is a bbolt file of records. Any number of goroutines may use it; one
// process at a time may have it open. Its live heap does not grow with what it
// holds.
type Store struct {
	path    string
	noSync  bool
	lock    *bbolt.DB // held from Open to Close, also while the file is being renewed
	records int       // put since the file was opened; guarded by putting
	putting sync.Mutex

	mu sync.RWMutex // held for writing while db changes
	db *bbolt.DB    // nil when closed, or when it could not be opened again
}

// Open opens the store in o.Dir, and makes it if there is none.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("open store: no folder was given; name one")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("open store: make folder: %w", err)
	}
	// bbolt's own lock goes with its file when that is renewed, and another
	// process could slip in: a second, empty file keeps the folder.
	lock, err := openFile(filepath.Join(o.Dir, lockName), true)
	if err != nil {
		return nil, err
	}
	s := &Store{path: filepath.Join(o.Dir, FileName), noSync: o.NoSync, lock: lock}
	if s.db, err = openFile(s.path, o.NoSync); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte(bucketName))
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", s.path, err), s.db.Close(), lock.Close())
	}
	return s, nil
}

func openFile(path string, noSync bool) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		// Without a limit a second process would wait for the lock in silence.
		Timeout: 2 * time.Second,
		NoSync:  noSync,
		// The array type searches the whole list for every allocation; see
		// bbolt's own documentation of the two.
		FreelistType: bbolt.FreelistMapType,
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open store %s: another process has it open; stop that one or choose another folder", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return db, nil
}

// errClosed is what a store without a file answers.
var errClosed = errors.New("the store is closed")

// Put stores the records in one commit: all of them or none. A record
// replaces the one with the same id, so that putting it again changes nothing.
func (s *Store) Put(ctx context.Context, records []Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store %d documents: %w", len(records), err)
	}
	s.putting.Lock()
	defer s.putting.Unlock()
	if s.records >= renewAfter {
		if err := s.renew(); err != nil {
			return fmt.Errorf("store %d documents: %w", len(records), err)
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return fmt.Errorf("store %d documents: %w", len(records), errClosed)
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(bucketName))
		for _, r := range records {
			// bbolt keeps key and value until the commit: each needs bytes of its own.
			if err := bucket.Put([]byte(r.ID), encode(r)); err != nil {
				return fmt.Errorf("document %q: %w", r.ID, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store %d documents: %w", len(records), err)
	}
	s.records += len(records)
	return nil
}

// renew closes the file and opens it again. If that fails the store stays
// without a file, and the next Put tries once more. Called with putting held.
func (s *Store) renew() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return errClosed
	}
	if s.db != nil {
		if err := s.db.Close(); err != nil {
			return fmt.Errorf("renew store %s: %w", s.path, err)
		}
		s.db = nil
	}
	db, err := openFile(s.path, s.noSync)
	if err != nil {
		return err
	}
	s.db, s.records = db, 0
	return nil
}

// Get returns the record with the given id; false if there is none.
func (s *Store) Get(ctx context.Context, id string) (Record, bool, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, false, fmt.Errorf("read document %q: %w", id, err)
	}
	var record Record
	found := false
	err := s.view(func(bucket *bbolt.Bucket) error {
		value := bucket.Get([]byte(id))
		if value == nil {
			return nil
		}
		found = true
		var err error
		record, err = decodeRecord(id, value)
		return err
	})
	if err != nil {
		return Record{}, false, fmt.Errorf("read document %q: %w", id, err)
	}
	return record, found, nil
}

// Len counts the documents in the store. O(pages): for tests and start-up.
func (s *Store) Len() (int, error) {
	n := 0
	err := s.view(func(bucket *bbolt.Bucket) error {
		n = bucket.Stats().KeyN
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count documents: %w", err)
	}
	return n, nil
}

func (s *Store) view(read func(*bbolt.Bucket) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return errClosed
	}
	return s.db.View(func(tx *bbolt.Tx) error { return read(tx.Bucket([]byte(bucketName))) })
}

// Close waits for what is under way and closes the file. Calling it again does
// nothing.
func (s *Store) Close() error {
	s.putting.Lock()
	defer s.putting.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.db != nil {
		errs = append(errs, s.db.Sync(), s.db.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	s.db, s.lock = nil, nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}
