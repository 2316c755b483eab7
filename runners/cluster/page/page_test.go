package page

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"idarts/internal/queue"
)

// show is a queue whose states a test sets.
type show struct {
	mu  sync.Mutex
	now queue.Status
}

func newShow(methods, seeds int) *show {
	s := &show{}
	for seed := range seeds {
		for m := range methods {
			s.now.Shown = append(s.now.Shown, queue.Shown{Name: fmt.Sprintf("nb201/fashion8/fair/method%d/seed-%d", m, seed), Entry: queue.Entry{State: queue.Queued}})
		}
	}
	s.now.Units = len(s.now.Shown)
	return s
}

func (s *show) status() queue.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now
	now.Shown = append([]queue.Shown(nil), now.Shown...)
	return now
}

func (s *show) set(i int, e queue.Entry, beat float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Shown[i].Entry, s.now.Shown[i].Beat = e, beat
}

// papers are files of finished units.
type papers map[string]string

func (p papers) List() (names []string, err error) {
	for name := range p {
		names = append(names, name)
	}
	return names, nil
}

func (p papers) Read(name string) ([]byte, error) {
	text, ok := p[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func serve(t *testing.T, s *show, f Files) string {
	server := httptest.NewServer(Handler(Source{Status: s.status, Settings: queue.Settings{Lost: time.Minute}, Files: f}))
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	return server.URL
}

func running(try int) queue.Entry {
	return queue.Entry{State: queue.Running, Machine: "host", Try: try, Progress: queue.Progress{Part: 0.5, Text: "epoch 5/10", Loss: 0.25, Curve: []float64{10, 20, 15}}}
}

// A browser is told of all units at first, and of those alone that change after that.
func TestOnlyChangesAreSent(t *testing.T) {
	s := newShow(2, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", serve(t, s, nil)+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	next := func() (h head) {
		t.Helper()
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(text), &h); err != nil {
					t.Fatal(err)
				}
				return h
			}
		}
		t.Fatal("the stream ends: ", lines.Err())
		return h
	}
	if h := next(); len(h.Changed) != 6 || h.Units != 6 || h.Counts["queued"] != 6 {
		t.Errorf("at first: %+v", h)
	}
	s.set(4, running(1), 3)
	h := next()
	var u unit
	if err := json.Unmarshal(h.Changed[4], &u); err != nil || len(h.Changed) != 1 {
		t.Fatalf("a change: %+v, %v", h, err)
	}
	if u.Group != "nb201/fashion8/fair" || u.Method != "method0" || u.Seed != "2" || u.State != "running" || u.Text != "epoch 5/10" || len(u.Curve) != 3 {
		t.Errorf("it is %+v", u)
	}
	s.set(4, running(1), 61)
	if h := next(); h.Counts["lost"] != 1 || h.Counts["running"] != 0 || len(h.Changed) != 1 {
		t.Errorf("a worker that is not heard of: %+v", h)
	}
}

func TestWhatIsServed(t *testing.T) {
	s := newShow(1, 1)
	s.now.Counts = map[queue.State]int{queue.Queued: 1}
	at := serve(t, s, papers{"table.txt": "a table"})
	for _, tt := range []struct {
		method, path, host string
		status             int
		want               string
	}{
		{"GET", "/", "", 200, "<title>idarts grid</title>"},
		{"GET", "/page.js", "", 200, "EventSource"},
		{"GET", "/files", "", 200, `["table.txt"]`},
		{"GET", "/files/table.txt", "", 200, "a table"},
		{"GET", "/files/..%2Fpage.go", "", 404, ""},
		{"GET", "/metrics", "", 200, `idarts_units{state="queued"} 1`},
		{"GET", "/", "evil.example:80", 403, ""},
		{"POST", "/", "", 405, ""},
		{"DELETE", "/files/table.txt", "", 405, ""},
	} {
		request, err := http.NewRequest(tt.method, at+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = tt.host
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != tt.status || !strings.Contains(string(body), tt.want) {
			t.Errorf("%s %s for %q: %s, %.200s", tt.method, tt.path, tt.host, answer.Status, body)
		}
	}
}
