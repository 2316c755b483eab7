package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"idarts/internal/queue"
	"idarts/reports"
	"idarts/runners/cluster/page"
)

// servePage serves the page to this machine; address is "" where it is off.
func (s *gridServeCmd) servePage(keeper *atomic.Pointer[queue.Keeper]) (address string, end func(), err error) {
	if s.Page == "off" {
		return "", func() {}, nil
	}
	host, _, err := net.SplitHostPort(s.Page)
	if err != nil {
		return "", nil, fmt.Errorf("--page %q: want HOST:PORT or off: %w", s.Page, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", nil, fmt.Errorf("--page %q: want an address of this machine itself, as 127.0.0.1:7117: the page has no password. From elsewhere it is reached by ssh -L 7117:127.0.0.1:7117", s.Page)
	}
	listener, err := net.Listen("tcp", s.Page)
	if err != nil {
		return "", nil, fmt.Errorf("--page: %w; another one, or off", err)
	}
	server := &http.Server{
		Handler: page.Handler(page.Source{
			Status: func() queue.Status {
				if k := keeper.Load(); k != nil {
					return k.Status()
				}
				return queue.Status{}
			},
			Settings: queue.Settings{Lost: s.Lost}, Files: &finished{out: s.Out},
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go server.Serve(listener)
	return listener.Addr().String(), func() { server.Close() }, nil
}

// finished is what the page shows of finished runs: tables and figures, made when they are
// asked for and some seconds are gone.
type finished struct {
	out  string
	mu   sync.Mutex
	made time.Time
	all  map[string][]byte
}

const anew = 3 * time.Second

// List implements [page.Files].
func (f *finished) List() ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.made) > anew {
		if err := f.make(); err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(f.all)), nil
}

// Read implements [page.Files].
func (f *finished) Read(name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	content, ok := f.all[name]
	if !ok {
		return nil, fmt.Errorf("no file %q here: %w", name, fs.ErrNotExist)
	}
	return content, nil
}

// make makes all of it. What cannot be read is left out, as tables say.
func (f *finished) make() error {
	all := map[string][]byte{}
	runs, opts, _, err := load(console{err: io.Discard}, f.out, false)
	if err == nil {
		table := reports.Compare(runs, opts)
		for _, format := range tableFormats {
			var content bytes.Buffer
			if err := format.write(table, &content); err != nil {
				return err
			}
			all["table"+format.suffix] = content.Bytes()
		}
		for _, figure := range figuresOf(runs, opts) {
			if strings.Contains(figure.Name, "seconds") {
				continue
			}
			svg, err := figure.Picture.SVG()
			if err != nil {
				return err
			}
			all[figure.Name+".svg"] = svg
		}
	}
	f.all, f.made = all, time.Now()
	return nil
}
