package capture

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// of changes the usual profile n seconds in to one of another binary.
func of(n int, binary, build, file string, functions ...string) made {
	m := server(n)
	m.binary, m.build, m.file = binary, build, file
	if functions != nil {
		m.functions = functions
	}
	return m
}

func TestProfilesOfAnotherProgramAreFound(t *testing.T) {
	t.Parallel()
	shop := []string{"main.sell", "main.buy", "example.com/shop/cart.Add", "example.com/shop/cart.Pay"}
	for _, x := range []struct {
		name    string
		odd     made
		code    string // of the warning; empty: it belongs
		mention string // of the warning
	}{
		{"another binary", of(3, "/opt/shop", "b2", "/src/shop/main.go", shop...), OtherProgram, "another program than server (shop)"},
		{"another binary without samples of its own", of(3, "/opt/shop", "b2", "/src/shop/main.go", "net/http.(*conn).serve"), OtherProgram, "(shop)"},
		{"an equal name, another build and other functions", of(3, "/opt/server", "b2", "/src/shop/main.go", shop...), OtherProgram, "h3"},
		{"a rebuilt binary", of(3, "/opt/server", "b2", ""), SeveralBuilds, "2 builds of server"},
		{"a renamed and rebuilt binary", of(3, "/opt/server-v2", "b2", "/src//opt/server/main.go"), SeveralBuilds, "2 builds of server"},
		{"a rebuilt binary with few samples", of(3, "/other/server", "b2", "", "net/http.f"), SeveralBuilds, "2 builds"},
		{"the same build with functions never seen before", of(3, "/opt/server", "b1", "/src/elsewhere/x.go", "main.rare", "example.com/s/a.A", "example.com/s/b.B"), "", ""},
		{"no name and the same functions", of(3, "", "", "/src//opt/server/main.go"), "", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			dir := files(t, map[string]any{
				"h0": server(0).heapProfile(), "h1": server(1).heapProfile(), "h2": server(2).heapProfile(), "h3": x.odd.heapProfile(),
			})
			run := open(t, dir)
			want := []string{"heap 64k", "heap 128k", "heap 192k"}
			if x.code != OtherProgram {
				want = append(want, "heap 256k")
			}
			if d := cmp.Diff(want, shape(run)); d != "" {
				t.Errorf("snapshots (-want +got):\n%s", d)
			}
			switch x.code {
			case "":
				if len(run.Warnings) > 0 {
					t.Errorf("warnings %q, want none", run.Warnings)
				}
			case OtherProgram:
				warns(t, run, x.code, x.mention, dir+"/h3")
			default:
				warns(t, run, x.code, x.mention)
			}
			if run.Target.Name != "server" {
				t.Errorf("name %q", run.Target.Name)
			}
		})
	}
}

func TestALibraryThatTwoProgramsShareDoesNotMakeThemOne(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"/go/pkg/mod/github.com/x/mux@v1.2.3/mux.go", "/src/shop/vendor/github.com/x/mux/mux.go"} {
		lib := func(n int, binary, build string) *profile.Profile {
			return of(n, binary, build, file, "github.com/x/mux.Serve", "github.com/x/mux.Route", "github.com/x/mux.Match").heapProfile()
		}
		run := open(t, files(t, map[string]any{"1": lib(0, "server", "b1"), "2": lib(1, "server", "b1"), "3": lib(2, "shop", "b2")}))
		warns(t, run, OtherProgram, "(shop)")
		if len(run.Snapshots) != 2 {
			t.Errorf("%s: %d snapshots", file, len(run.Snapshots))
		}
	}
}

func TestWithoutBuildIDsTheFunctionsTell(t *testing.T) {
	t.Parallel()
	a := func(n int, functions ...string) made {
		return of(n, "/app/server", "", "/src/a/main.go", append(functions, "main.serve")...)
	}
	odd := of(3, "/app/server", "", "/src/b/main.go", "main.serve", "example.com/b.X", "example.com/b.Y")
	run := open(t, files(t, map[string]any{
		"1": a(0, "main.a", "main.b", "main.c").heapProfile(), "2": a(1, "main.c", "main.d", "main.e").heapProfile(),
		"3": a(2, "main.z").heapProfile(), "4": odd.heapProfile(),
	}))
	warns(t, run, OtherProgram, "/4")
	if len(run.Snapshots) != 3 {
		t.Errorf("%d snapshots", len(run.Snapshots))
	}
}

func TestWithoutAMajorityTheFolderIsRefused(t *testing.T) {
	t.Parallel()
	content := map[string]any{}
	for i, name := range []string{"a", "b", "c", "d"} {
		binary := []string{"cat", "dog"}[i%2]
		content[name] = of(i, "/opt/"+binary, "b-"+binary, "/src/"+binary+"/x.go", "main.1"+binary, "main.2"+binary, "main.3"+binary).heapProfile()
	}
	_, err := Open(t.Context(), files(t, content))
	wantInput(t, err, false, "2 programs", "cat (2 files", "dog (2 files", "keep those of one")
}

func TestNamesOfBinaries(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/usr/bin/app": "app", "/tmp/go-build1/b001/exe/main (deleted)": "main", `C:\srv\app.exe`: "app",
		"[vdso]": "", "": "", "//anon": "",
	} {
		if got := binaryName(in); got != want {
			t.Errorf("binaryName(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"main.f": "main", "github.com/a/b.(*T).M": "github.com/a/b", "net/http.(*conn).serve": "net/http",
		"gopkg.in/x.v2.F": "gopkg.in/x", "main.F[github.com/a/b.T]": "main", "cgo": "cgo",
	} {
		if got := snapshot.Package(in); got != want {
			t.Errorf("Package(%q) = %q, want %q", in, got, want)
		}
	}
}
