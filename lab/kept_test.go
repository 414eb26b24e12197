package lab

import (
	"runtime"
	"strings"
	"testing"
	"unsafe"
	"weak"

	fixedclosure "github.com/heapdrift/heapdrift/fixed/closure"
	fixedsubslice "github.com/heapdrift/heapdrift/fixed/subslice"
	leakyclosure "github.com/heapdrift/heapdrift/leakscenarios/closure"
	leakysubslice "github.com/heapdrift/heapdrift/leakscenarios/subslice"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/pipelinetest"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// A stage is asked for one thing, and after the garbage collection it is seen
// whether that thing is still there. That is the defect itself, not its size.
func TestWhatAStageKeeps(t *testing.T) {
	t.Parallel()
	vectorOf := func(e pipeline.Embedder) func(*testing.T) (weak.Pointer[float32], any) {
		return func(t *testing.T) (weak.Pointer[float32], any) {
			vectors, err := e.Embed(t.Context(), []text.Chunk{{Text: "some words"}})
			if err != nil {
				t.Fatal(err)
			}
			return weak.Make(&vectors[0][0]), e
		}
	}
	textOf := func(r pipelinetest.Reader) func(*testing.T) (weak.Pointer[byte], any) {
		return func(t *testing.T) (weak.Pointer[byte], any) {
			body := `{"id":"1","text":"A title\n` + strings.Repeat("and text ", 100) + `"}`
			doc, err := r.Read(t.Context(), strings.NewReader(body), -1)
			if err != nil || doc.Title != "A title" {
				t.Fatalf("read %q, %v", doc.Title, err)
			}
			return weak.Make(unsafe.StringData(doc.Text)), r
		}
	}
	audit := func(int) {}
	fixed := fixedclosure.New(embed.Hasher{}, audit)
	t.Cleanup(func() { _ = fixed.Close() })
	checkKept(t, "the leaky audit and the vectors", true, vectorOf(leakyclosure.New(embed.Hasher{}, audit)))
	checkKept(t, "the fixed audit and the vectors", false, vectorOf(fixed))
	checkKept(t, "the leaky index and the text", true, textOf(leakysubslice.New()))
	checkKept(t, "the fixed index and the text", false, textOf(fixedsubslice.New()))
}

// checkKept runs use, which returns a weak pointer to a thing and the stage
// that was given it.
func checkKept[T any](t *testing.T, name string, want bool, use func(*testing.T) (weak.Pointer[T], any)) {
	t.Helper()
	thing, stage := use(t)
	runtime.GC()
	runtime.GC()
	if kept := thing.Value() != nil; kept != want {
		t.Errorf("%s: kept %t, want %t", name, kept, want)
	}
	runtime.KeepAlive(stage)
}
