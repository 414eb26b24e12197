package lab

import (
	"testing"
)

func TestTheLargeDocumentsAreOfOneSize(t *testing.T) {
	t.Parallel()
	s, err := Find("pool")
	if err != nil {
		t.Fatal(err)
	}
	for seq := range int64(poolLarge) {
		if n := len(s.Body(poolFirst + seq)); n != poolBody {
			t.Errorf("large document %d has a body of %d bytes, want %d", seq, n, poolBody)
		}
	}
	for _, seq := range []int64{poolFirst - 1, poolFirst + poolLarge} {
		if n := len(s.Body(seq)); n > 40<<10 {
			t.Errorf("document %d has a body of %d bytes, want an ordinary one", seq, n)
		}
	}
}
