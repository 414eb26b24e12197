package store

import (
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/entity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testRecord(id string) Record {
	return Record{
		ID: id, Source: "wire", Title: "Naïve title",
		Chunks: []ChunkRecord{
			{Start: 0, End: 1500, Vector: embed.Hasher{}.Vector("the harbour board of " + id)},
			{Start: 1400, End: 2900, Vector: embed.Hasher{}.Vector("")},
			{Start: 2800, End: 2801, Vector: embed.Vector{1, -0.5, float32(math.Copysign(0, -1)), math.MaxFloat32}},
		},
		Entities: []entity.Entity{{Kind: entity.Place, Text: "São Brás", Start: 1407, End: 1417}},
	}
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestRecordsReadBackBitForBit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	want := []Record{testRecord("a"), {ID: "empty"}, testRecord("z")}
	if err := s.Put(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	check := func(s *Store) {
		t.Helper()
		for _, w := range want {
			got, found, err := s.Get(t.Context(), w.ID)
			if err != nil || !found || !sameBits(got, w) {
				t.Errorf("Get(%q) = %+v, %t, %v; want %+v", w.ID, got, found, err, w)
			}
		}
		if _, found, err := s.Get(t.Context(), "b"); found || err != nil {
			t.Errorf("Get of what is not there: %t, %v", found, err)
		}
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, dir))
}

// sameBits is equality that tells −0 from 0.
func sameBits(a, b Record) bool {
	return reflect.DeepEqual(a, b) && string(encode(a)) == string(encode(b))
}

func TestPuttingARecordAgainReplacesIt(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for range 3 {
		if err := s.Put(t.Context(), []Record{testRecord("a"), testRecord("b")}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Len(); n != 2 || err != nil {
		t.Errorf("the store holds %d documents (%v), want 2", n, err)
	}
}

func TestTheFileIsRenewedUnnoticed(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	first := s.db
	const n = 3*renewAfter + 10
	for i := 0; i < n; i += 10 {
		batch := make([]Record, 0, 10)
		for j := i; j < min(i+10, n); j++ {
			batch = append(batch, testRecord(fmt.Sprint(j)))
		}
		if err := s.Put(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if s.db == first {
		t.Errorf("after %d records the file was not renewed", n)
	}
	if got, err := s.Len(); got != n || err != nil {
		t.Errorf("the store holds %d documents (%v), want %d", got, err, n)
	}
}

func TestTwoCannotHaveTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	s, err := Open(Options{Dir: dir})
	if err == nil {
		t.Fatal("a second store opened the folder", s.Close())
	}
	if !strings.Contains(err.Error(), "another process") {
		t.Errorf("the error does not say who is in the way: %v", err)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), []Record{{ID: "a"}}); err == nil {
		t.Error("Put into a closed store: no error")
	}
	if _, _, err := s.Get(t.Context(), "a"); err == nil {
		t.Error("Get from a closed store: no error")
	}
	s.records = renewAfter
	if err := s.Put(t.Context(), []Record{{ID: "a"}}); err == nil || s.db != nil {
		t.Errorf("a closed store was renewed: %v", err)
	}
}

func TestOpenRefusesWhatIsNoStore(t *testing.T) {
	t.Parallel()
	if s, err := Open(Options{}); err == nil {
		t.Error("no folder: no error", s.Close())
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/"+FileName, []byte(strings.Repeat("not a store ", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(Options{Dir: dir}); err == nil {
		t.Error("a file that is no store: no error", s.Close())
	}
}

func TestDamagedRecordsAreRefused(t *testing.T) {
	t.Parallel()
	whole := encode(testRecord("a"))
	for n := range len(whole) {
		if r, err := decodeRecord("a", whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were read as %+v", n, len(whole), r)
		}
	}
	if _, err := decodeRecord("a", append(whole, 0)); err == nil {
		t.Error("a byte too many was not noticed")
	}
}

func TestHashedVectorsAreStoredSmall(t *testing.T) {
	t.Parallel()
	v := embed.Hasher{}.Vector(strings.Repeat("some words of a chunk that repeat themselves ", 35))
	if n := len(appendVector(nil, v)); n > 1024 {
		t.Errorf("a vector of 15 features took %d bytes", n)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(encode(testRecord("a")))
	f.Add([]byte{version, 0, 0, 1, 0, 0, layoutDense, 0xff, 0xff, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord("id", b)
		if err != nil {
			return
		}
		again, err := decodeRecord("id", encode(r))
		if err != nil || string(encode(again)) != string(encode(r)) {
			t.Errorf("%x was read as %+v, written, and read as %+v (%v)", b, r, again, err)
		}
	})
}

// putDraft stores a document of n parts but for the last.
func putDraft(t *testing.T, s *Store, id string, n int) uint64 {
	t.Helper()
	draft := s.NewDraft()
	for seq := range n - 1 {
		r := testRecord(id)
		r.Draft, r.Seq = draft, seq
		if err := s.Put(t.Context(), []Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	return draft
}

func finish(t *testing.T, s *Store, id string, draft uint64, n int) {
	t.Helper()
	r := testRecord(id)
	r.Draft, r.Seq, r.Last, r.Fingerprint = draft, n-1, true, draft
	r.Total = Total{Chunks: 3 * n, Entities: n}
	if err := s.Put(t.Context(), []Record{r}); err != nil {
		t.Fatal(err)
	}
}

// parts counts what is in the bucket of parts and in that of drafts.
func parts(t *testing.T, s *Store) (parts, drafts int) {
	t.Helper()
	err := s.view(func(tx *bbolt.Tx) error {
		parts, drafts = tx.Bucket([]byte(bucketParts)).Stats().KeyN, tx.Bucket([]byte(bucketDrafts)).Stats().KeyN
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return parts, drafts
}

func TestADraftIsThereWithItsLastPart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	draft := putDraft(t, s, "a", 4)
	if _, found, err := s.Get(t.Context(), "a"); found || err != nil {
		t.Errorf("an incomplete document is found: %t, %v", found, err)
	}
	finish(t, s, "a", draft, 4)
	got, found, err := s.Get(t.Context(), "a")
	if err != nil || !found || len(got.Chunks) != 12 || len(got.Entities) != 4 || got.Title != "Naïve title" {
		t.Errorf("found %t with %d chunks, %d entities, %v", found, len(got.Chunks), len(got.Entities), err)
	}
	head, _, err := s.Head(t.Context(), "a")
	if err != nil || head.Chunks != 12 || head.Entities != 4 || head.Dimensions != embed.Dimensions {
		t.Errorf("its head is %+v, %v", head, err)
	}
	// Another of the same name takes its place, and its room.
	finish(t, s, "a", putDraft(t, s, "a", 2), 2)
	if p, d := parts(t, s); p != 2 || d != 0 {
		t.Errorf("%d parts and %d drafts are left, want 2 and 0", p, d)
	}
	if err := s.Put(t.Context(), []Record{testRecord("a")}); err != nil {
		t.Fatal(err)
	}
	if p, _ := parts(t, s); p != 0 {
		t.Errorf("%d parts are left of a document that is small now", p)
	}
}

func TestWhatWasNeverCompletedGoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	kept := putDraft(t, s, "kept", 3)
	finish(t, s, "kept", kept, 3)
	if err := s.Discard(t.Context(), putDraft(t, s, "a", 4)); err != nil {
		t.Fatal(err)
	}
	if p, d := parts(t, s); p != 3 || d != 0 {
		t.Errorf("after Discard %d parts and %d drafts are left", p, d)
	}
	putDraft(t, s, "a", 4)
	if err := s.Close(); err != nil { // as a crash would leave it
		t.Fatal(err)
	}
	s = open(t, dir)
	if p, d := parts(t, s); p != 3 || d != 0 {
		t.Errorf("after a restart %d parts and %d drafts are left", p, d)
	}
	if _, found, err := s.Get(t.Context(), "kept"); !found || err != nil {
		t.Errorf("what was complete: %t, %v", found, err)
	}
	if n := s.NewDraft(); n == kept {
		t.Errorf("draft %d was given out twice", n)
	}
}

func TestAReaderNoticesThatItsDocumentWasReplaced(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	finish(t, s, "a", putDraft(t, s, "a", 3), 3)
	err := s.Parts(t.Context(), "a", func(r Record) error {
		if r.Seq == 0 {
			return s.Put(t.Context(), []Record{testRecord("a")})
		}
		return nil
	})
	if !errors.Is(err, ErrReplaced) {
		t.Errorf("read on: %v", err)
	}
}

func TestTheOutboxHoldsWhatIsNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, NoSync: true, Outbox: true})
	if err != nil {
		t.Fatal(err)
	}
	put := func(ids ...string) {
		t.Helper()
		var records []Record
		for _, id := range ids {
			r := testRecord(id)
			r.Fingerprint = uint64(len(id))
			records = append(records, r)
		}
		if err := s.Put(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	put("a", "b")
	put("a", "c") // a is the same as before
	finish(t, s, "large", putDraft(t, s, "large", 3), 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(Options{Dir: dir, NoSync: true, Outbox: true}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	notes, err := s.Notes(t.Context(), 0, 10)
	var ids []string
	for _, n := range notes {
		ids = append(ids, n.ID)
	}
	if got := strings.Join(ids, " "); err != nil || got != "a b c large" || s.Pending() != 4 {
		t.Fatalf("the outbox holds %s, %d, %v", got, s.Pending(), err)
	}
	if err := s.Strike(t.Context(), []uint64{notes[0].Number, notes[2].Number, notes[2].Number, 99}); err != nil {
		t.Fatal(err)
	}
	if left, err := s.Notes(t.Context(), notes[1].Number, 10); err != nil || len(left) != 1 || left[0].ID != "large" || s.Pending() != 2 {
		t.Errorf("left are %+v, %d, %v", left, s.Pending(), err)
	}
}
