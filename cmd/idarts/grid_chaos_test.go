//go:build linux

package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"idarts/internal/longtest"
	"idarts/internal/result"
)

// proxy passes connections on to a server, until it is told to stop for a while or to cut
// them.
type proxy struct {
	net.Listener
	to     string
	frozen atomic.Bool
	mu     sync.Mutex
	open   []net.Conn
}

func newProxy(t *testing.T, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, to: to}
	t.Cleanup(func() { l.Close(); p.cut() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", p.to)
			if err != nil {
				in.Close()
				continue
			}
			p.mu.Lock()
			p.open = append(p.open, in, out)
			p.mu.Unlock()
			go p.pass(in, out)
			go p.pass(out, in)
		}
	}()
	return p
}

// pass copies what comes, but nothing while the proxy is frozen.
func (p *proxy) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		for p.frozen.Load() {
			time.Sleep(10 * time.Millisecond)
		}
		if err != nil {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		c.Close()
	}
	p.open = nil
}

// disaster is a grid of processes to which things happen.
type disaster struct {
	t *testing.T
	*rand.Rand
	dir     string
	port    string
	proxy   *proxy
	server  *process
	workers []*process
	done    map[string]int // what has happened
}

const listening = "listening on "

func (d *disaster) serve() {
	listen := "127.0.0.1:" + d.port
	d.server = start(d.t, d.dir, "grid", "serve", "--lost-after", "2s", "--page", "off", "--listen", listen)
}

// work starts worker i, the last of them on a disk that may be full.
func (d *disaster) work(i int) {
	at := "nats://" + d.proxy.Addr().String()
	d.workers[i] = start(d.t, d.dir, "grid", "work", "--connect", at, "--token-file", "grid/worker.token", "--jobs", "1",
		"--out", fmt.Sprintf("work-%d", i), "--checkpoint-every", "0s")
}

// happen does one thing.
func (d *disaster) happen(kind string) {
	i := d.IntN(len(d.workers))
	d.done[kind]++
	switch kind {
	case "worker killed":
		d.workers[i].Process.Kill()
		<-d.workers[i].ended
		d.work(i)
	case "server killed":
		d.server.Process.Kill()
		<-d.server.ended
		time.Sleep(time.Duration(d.IntN(300)) * time.Millisecond)
		d.serve()
	case "worker asleep":
		w := d.workers[i]
		w.Process.Signal(syscall.SIGSTOP)
		time.AfterFunc(10*time.Second, func() { w.Process.Signal(syscall.SIGCONT) })
	case "connections cut":
		d.proxy.cut()
	case "nothing gets through":
		d.proxy.frozen.Store(true)
		time.AfterFunc(4*time.Second, func() { d.proxy.frozen.Store(false) })
	case "disk full":
		d.full(true)
		time.AfterFunc(5*time.Second, func() { d.full(false) })
	}
}

// full fills the disk of the last worker, or makes room again.
func (d *disaster) full(on bool) {
	path := filepath.Join(d.dir, fmt.Sprintf("work-%d", len(d.workers)-1), "ballast")
	os.Remove(path)
	if !on {
		return
	}
	f, err := os.Create(path)
	if err != nil {
		return
	}
	defer f.Close()
	io.Copy(f, io.LimitReader(zeros{}, 64<<20)) // until there is no room
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Whatever happens to workers, server and connections: each run is done, once, with the bytes
// that one process gives, and so are tables.
func TestGridOutlivesDisasters(t *testing.T) {
	t.Parallel() // most of it is waiting
	seeds, kills, pause := 30, 6, 300*time.Millisecond
	if os.Getenv("IDARTS_CHAOS") != "" {
		seeds, kills, pause = 960, 100, 500*time.Millisecond
	} else {
		longtest.Needed(t)
	}
	grids := [][]string{
		{"--protocol", "laptop", "--methods", "random", "--set", "queries=20", "--seeds", fmt.Sprintf("0-%d", seeds-1)},
		{"--protocol", "quick", "--methods", "darts-v1,idarts", "--seeds", fmt.Sprintf("0-%d", seeds/48)},
	}
	d := &disaster{t: t, Rand: rand.New(rand.NewPCG(17, 1)), dir: t.TempDir(), workers: make([]*process, 3), done: map[string]int{}}
	things := []string{"worker asleep", "connections cut", "nothing gets through"}
	disk := filepath.Join(d.dir, "work-2")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if exec.Command("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk).Run() == nil {
		t.Cleanup(func() { exec.Command("umount", "-l", disk).Run() })
		things = append(things, "disk full")
	} else {
		t.Log("no small disk can be made here, so that none is full")
	}
	// A port that is free, and none that the system gives to others while the server is away.
	for d.port == "" {
		port := fmt.Sprint(20000 + rand.IntN(10000))
		if listener, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			d.port = port
			listener.Close()
		}
	}
	d.proxy = newProxy(t, "127.0.0.1:"+d.port)
	began := time.Now()
	d.serve()
	d.server.until(listening)
	for _, grid := range grids {
		if said, status := run(t, d.dir, append([]string{"grid", "submit"}, grid...)...); status != 0 {
			t.Fatalf("submit: %s", said)
		}
	}
	for i := range d.workers {
		d.work(i)
	}
	for n := range 2 * kills {
		time.Sleep(pause/2 + time.Duration(d.Int64N(int64(pause))))
		d.happen([]string{"worker killed", "server killed"}[n%2])
		if n%20 == 5 {
			d.happen(things[n/20%len(things)])
		}
	}
	undisturbed := time.Now()
	units := 0
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(time.Second) { // each look is a process
		said, status := run(t, d.dir, "grid", "status")
		var there int
		line := said[strings.LastIndex(strings.TrimSpace(said), "\n")+1:]
		if _, err := fmt.Sscanf(line, "%d of %d runs are done", &there, &units); err == nil && there == units && status == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not done in time: %s\nserver: %s\nworkers: %s\n%s\n%s", said, d.server.said(), d.workers[0].said(), d.workers[1].said(), d.workers[2].said())
		}
	}
	t.Logf("%d runs, %v: done after %v, %v of these undisturbed", units, d.done, time.Since(began).Round(time.Second), time.Since(undisturbed).Round(time.Second))
	alone := filepath.Join(d.dir, "alone")
	for _, grid := range grids {
		if said, status := run(t, d.dir, append([]string{"run", "--out", "alone"}, grid...)...); status != 0 {
			t.Fatalf("alone: %s", said)
		}
	}
	same(t, filepath.Join(d.dir, "out"), alone)
	runs, faults, err := result.Load(filepath.Join(d.dir, "out"))
	if err != nil || len(faults) > 0 || len(runs) != units {
		t.Errorf("%d runs of %d, faults %v, %v", len(runs), units, faults, err)
	}
	tables := map[string]string{}
	for _, out := range []string{"out", "alone"} {
		for _, args := range [][]string{{"table", "--out", out}, {"export", "--out", out, "--format", "csv", "--to", out + "-tidy"}} {
			if said, status := run(t, d.dir, args...); status != 0 {
				t.Errorf("%v: %s", args, said)
			} else if args[0] == "table" {
				tables[out] = said
			}
		}
	}
	if tables["out"] != tables["alone"] || tables["out"] == "" {
		t.Errorf("other tables:\n%s\n%s", tables["out"], tables["alone"])
	}
}
