// Package page shows a queue in a browser: units by method and seed with their states, curves
// of those that run, workers, and the table and figures of what is done. It only reads: there
// is no request that changes anything. Browsers get what has changed as server-sent events.
//
// /metrics has counts of units, workers and retries in Prometheus's text format.
package page

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"idarts/internal/queue"
)

//go:embed static
var static embed.FS

// Source is what is shown.
type Source struct {
	Status   func() queue.Status
	Settings queue.Settings
	// Files are what can be had of the finished units; nil: nothing.
	Files Files
}

// Files are tables and figures of finished units.
type Files interface {
	// List names them: those that end in .txt are shown as text, .svg as figures, and all can
	// be downloaded.
	List() ([]string, error)
	// Read gives one that List names; any other name is an error wrapping [fs.ErrNotExist].
	Read(name string) ([]byte, error)
}

// every is how often a browser is told of changes.
const every = 500 * time.Millisecond

// Handler serves the page.
func Handler(s Source) http.Handler {
	mux := http.NewServeMux()
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /files", s.list)
	mux.HandleFunc("GET /files/{name}", s.file)
	mux.HandleFunc("GET /metrics", s.metrics)
	return guard(mux)
}

// guard refuses what a page elsewhere makes a browser send: a name that leads here by a
// foreign name server.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if at := strings.LastIndex(host, ":"); at > strings.LastIndex(host, "]") {
			host = host[:at]
		}
		switch host {
		case "localhost", "127.0.0.1", "[::1]":
		default:
			http.Error(w, "want the host localhost, 127.0.0.1 or [::1]", http.StatusForbidden)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// unit is one as the browser has it.
type unit struct {
	Group   string    `json:"group"`  // space, data set and protocol
	Method  string    `json:"method"` // with its settings
	Seed    string    `json:"seed"`
	State   string    `json:"state"` // a [queue.State], or "lost" while nobody is heard of
	Try     int       `json:"try,omitempty"`
	Lost    int       `json:"lost,omitempty"`
	Machine string    `json:"machine,omitempty"`
	Part    float64   `json:"part,omitempty"`
	Text    string    `json:"text,omitempty"`
	Loss    float64   `json:"loss,omitempty"`
	Curve   []float64 `json:"curve,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// unitOf reads the parts of a unit's name: space/dataset/protocol/method[/settings]/seed-N.
func unitOf(s queue.Shown, settings queue.Settings) unit {
	e := s.Entry
	u := unit{
		Method: s.Name, State: string(e.State), Try: e.Try, Lost: e.Lost, Machine: e.Machine,
		Part: e.Part, Text: e.Text, Error: e.Error,
	}
	if parts := strings.Split(s.Name, "/"); len(parts) > 4 {
		last := len(parts) - 1
		u.Group, u.Method, u.Seed = strings.Join(parts[:3], "/"), strings.Join(parts[3:last], " "), strings.TrimPrefix(parts[last], "seed-")
	}
	var space, name string
	var number int
	if n, _ := fmt.Sscanf(strings.ReplaceAll(s.Name, "/", " "), "bench %s %s shard-%d", &space, &name, &number); n == 3 { // of a benchmark: thirty in a row
		const row = 30
		u.Group, u.Method, u.Seed = "bench/"+space+"/"+name, fmt.Sprintf("shards from %d", number/row*row), fmt.Sprint(number%row)
	}
	switch {
	case s.Late(settings):
		u.State = "lost"
	case e.State == queue.Running: // what it reached is in the tables later
		u.Loss, u.Curve = e.Loss, e.Curve
	}
	return u
}

// head is what the browser is told of all units.
type head struct {
	Units   int            `json:"units"`
	Counts  map[string]int `json:"counts"`
	Workers []queue.Member `json:"workers"`
	Left    float64        `json:"left"`
	// Changed are units by their place, all of them at first.
	Changed map[int]json.RawMessage `json:"changed,omitempty"`
}

// events tells a browser of all units, and then of those that change.
func (s Source) events(w http.ResponseWriter, r *http.Request) {
	flusher, ok := w.(http.Flusher)
	if !ok {
		http.Error(w, "no stream here", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	var sent []string
	var before string
	tick := time.NewTicker(every)
	defer tick.Stop()
	for quiet := 0; ; quiet++ {
		now := s.Status()
		h := head{Units: now.Units, Workers: now.Workers, Left: now.Left, Counts: map[string]int{}, Changed: map[int]json.RawMessage{}}
		for i, shown := range now.Shown {
			u := unitOf(shown, s.Settings)
			h.Counts[u.State]++
			text, err := json.Marshal(u)
			if err != nil {
				continue // a loss that is no number
			}
			if i < len(sent) && sent[i] == string(text) {
				continue
			}
			h.Changed[i] = text
			if i == len(sent) {
				sent = append(sent, string(text))
			} else if i < len(sent) {
				sent[i] = string(text)
			}
		}
		text, err := json.Marshal(h)
		if err != nil {
			return
		}
		if string(text) != before || quiet > 20 {
			quiet, before = 0, string(text)
			if _, err := fmt.Fprintf(w, "data: %s\n\n", text); err != nil {
				return
			}
			flusher.Flush()
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

func (s Source) list(w http.ResponseWriter, _ *http.Request) {
	names := []string{}
	if s.Files != nil {
		found, err := s.Files.List()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		names = append(names, found...)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(names)
}

// types are what files are, by how their names end.
var types = map[string]string{
	".txt": "text/plain; charset=utf-8", ".md": "text/markdown; charset=utf-8", ".csv": "text/csv; charset=utf-8",
	".tex": "application/x-tex", ".svg": "image/svg+xml",
}

func (s Source) file(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if s.Files == nil {
		http.NotFound(w, r)
		return
	}
	content, err := s.Files.Read(name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if kind, ok := types[path.Ext(name)]; ok {
		w.Header().Set("Content-Type", kind)
	}
	w.Write(content)
}

// metrics writes the counts for Prometheus.
func (s Source) metrics(w http.ResponseWriter, _ *http.Request) {
	now := s.Status()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	fmt.Fprintf(w, "# HELP idarts_units Runs of the queue by state.\n# TYPE idarts_units gauge\n")
	for _, state := range []queue.State{queue.Queued, queue.Running, queue.Delivered, queue.Done, queue.Failed} {
		fmt.Fprintf(w, "idarts_units{state=%q} %d\n", state, now.Counts[state])
	}
	alive := 0
	for _, m := range now.Workers {
		if m.Alive {
			alive++
		}
	}
	fmt.Fprintf(w, "# HELP idarts_workers Workers that were heard of.\n# TYPE idarts_workers gauge\nidarts_workers %d\n", alive)
	for _, c := range []struct {
		name, help string
		n          int
	}{
		{"beats", "Signs of life of running units.", now.Retries.Beats},
		{"taken_over", "Units taken from workers that were not heard of.", now.Retries.TakenOver},
		{"given_back", "Units that workers gave back.", now.Retries.GivenBack},
		{"refused", "Deliveries that were not what their unit leaves.", now.Retries.Refused},
	} {
		fmt.Fprintf(w, "# HELP idarts_%s_total %s\n# TYPE idarts_%s_total counter\nidarts_%s_total %d\n", c.name, c.help, c.name, c.name, c.n)
	}
}
