package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// FileName is the store's file within its folder.
const FileName = "documents.bolt"

const (
	lockName = "lock.bolt"

	bucketDocuments = "documents" // id -> head, with its content where that is one record
	bucketParts     = "parts"     // draft, seq (8 and 4 bytes, big endian) -> content
	bucketDrafts    = "drafts"    // draft -> nothing: drafts that are not complete
	bucketOutbox    = "outbox"    // number (8 bytes, big endian) -> id: what is to be published

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
	// Outbox notes every document that is stored and is not the same as before
	// as one that is to be published. Without it nothing is noted.
	Outbox bool
}

// Store is a bbolt file of records. Any number of goroutines may use it; one
// process at a time may have it open. Its live heap does not grow with what it
// holds.
type Store struct {
	path    string
	noSync  bool
	outbox  bool
	lock    *bbolt.DB // held from Open to Close, also while the file is being renewed
	records int       // put since the file was opened; guarded by putting
	putting sync.Mutex

	drafts  atomic.Uint64 // the last draft that was given out
	pending atomic.Int64  // entries of the outbox
	noted   chan struct{} // holds one when entries were added; see Noted

	mu sync.RWMutex // held for writing while db changes
	db *bbolt.DB    // nil when closed, or when it could not be opened again
}

// Open opens the store in o.Dir, and makes it if there is none. What is left of
// drafts that were never completed it removes.
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
	s := &Store{
		path: filepath.Join(o.Dir, FileName), noSync: o.NoSync, outbox: o.Outbox, lock: lock,
		noted: make(chan struct{}, 1),
	}
	if s.db, err = openFile(s.path, o.NoSync); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := s.db.Update(s.prepare); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", s.path, err), s.db.Close(), lock.Close())
	}
	return s, nil
}

// prepare makes the buckets, removes what was left half done, and reads where
// to go on.
func (s *Store) prepare(tx *bbolt.Tx) error {
	for _, name := range []string{bucketDocuments, bucketParts, bucketDrafts, bucketOutbox} {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	drafts := tx.Bucket([]byte(bucketDrafts))
	var left []uint64
	err := drafts.ForEach(func(k, _ []byte) error {
		if len(k) == 8 {
			left = append(left, binary.BigEndian.Uint64(k))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, draft := range left {
		if err := removeDraft(tx, draft); err != nil {
			return err
		}
	}
	if k, _ := tx.Bucket([]byte(bucketParts)).Cursor().Last(); len(k) >= 8 {
		s.drafts.Store(binary.BigEndian.Uint64(k))
	}
	s.pending.Store(int64(tx.Bucket([]byte(bucketOutbox)).Stats().KeyN))
	return nil
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

// update runs one commit that stores so many records, and renews the file when
// that is due.
func (s *Store) update(records int, write func(*bbolt.Tx) error) error {
	s.putting.Lock()
	defer s.putting.Unlock()
	if s.records >= renewAfter {
		if err := s.renew(); err != nil {
			return err
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return errClosed
	}
	if err := s.db.Update(write); err != nil {
		return err
	}
	s.records += records
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

// Len counts the documents in the store. O(pages): for tests and start-up.
func (s *Store) Len() (int, error) {
	n := 0
	err := s.view(func(tx *bbolt.Tx) error {
		n = tx.Bucket([]byte(bucketDocuments)).Stats().KeyN
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count documents: %w", err)
	}
	return n, nil
}

func (s *Store) view(read func(*bbolt.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return errClosed
	}
	return s.db.View(read)
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

// alive says that a context has ended before the work began.
func alive(ctx context.Context, what string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
