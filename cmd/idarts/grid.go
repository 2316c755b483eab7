package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"idarts/internal/provenance"
	"idarts/internal/queue"
	"idarts/internal/work"
	"idarts/runners/cluster"
)

type gridCmd struct {
	Serve  gridServeCmd  `cmd:"" set:"out=out" help:"Keep a queue of runs on this machine, and take their results in."`
	Work   gridWorkCmd   `cmd:"" set:"out=grid-work" help:"Do runs of a queue, on this machine or another one."`
	Submit gridSubmitCmd `cmd:"" help:"Put runs into a queue: methods times seeds, as idarts run has them."`
	Status gridStatusCmd `cmd:"" help:"Say how far the runs of a queue are."`
}

// defaultStore is where the queue of this machine is.
const defaultStore = "grid"

// queueFlags say which queue is meant.
type queueFlags struct {
	Connect   string `help:"The queue: the store of an idarts grid serve on this machine, or nats://HOST:PORT or tls://HOST:PORT." default:"grid" placeholder:"URL"`
	TokenFile string `help:"File with the token; that in the store when left out." placeholder:"FILE"`
	TLSCA     string `name:"tls-ca" help:"File of certificates that sign the server's; the system's when left out." placeholder:"FILE"`
}

// connection is what the flags say.
func (q queueFlags) connection(c console, role string, log queue.Log) (queue.Connection, error) {
	if !strings.HasPrefix(q.Connect, "tls://") {
		if err := c.without("only tls:// takes certificates", "tls-ca"); err != nil {
			return queue.Connection{}, err
		}
	}
	return queue.Connection{To: q.Connect, Token: q.TokenFile, Role: role, CA: q.TLSCA, Name: "idarts " + role, Log: log}, nil
}

// connect connects to submit and to ask.
func (q queueFlags) connect(c console) (*queue.Client, error) {
	at, err := q.connection(c, queue.SubmitRole, nil)
	if err != nil {
		return nil, err
	}
	return queue.Connect(c.ctx, at)
}

// logFlag says how remarks look.
type logFlag struct {
	Log string `help:"How remarks are written: text or json." enum:"text,json" default:"text"`
}

// logger writes remarks with the time, the machine where it is not told by who reads them,
// and the unit.
func (l logFlag) logger(c console) queue.Log {
	host := provenance.Host()
	if l.Log == "json" {
		log := slog.New(slog.NewJSONHandler(c.err, nil)).With("machine", host)
		return func(unit, format string, args ...any) {
			text := fmt.Sprintf(format, args...)
			if unit == "" {
				log.Info(text)
				return
			}
			log.Info(text, "unit", unit)
		}
	}
	return func(unit, format string, args ...any) {
		if unit != "" {
			unit += ": "
		}
		fmt.Fprintf(c.err, "%s %s: %s%s\n", time.Now().Format("15:04:05"), host, unit, fmt.Sprintf(format, args...))
	}
}

type gridServeCmd struct {
	Out     string        `help:"Output folder, which results are put into." default:"${out}" placeholder:"DIR"`
	Store   string        `help:"Folder of the queue. It also has the tokens and the socket that processes of this machine connect by." default:"${store}" placeholder:"DIR"`
	Listen  string        `help:"Let other machines connect here, as in 0.0.0.0:4222, with the tokens in the store. No port is open when left out." placeholder:"HOST:PORT"`
	TLSCert string        `name:"tls-cert" help:"Certificate of the server, with --listen." placeholder:"FILE"`
	TLSKey  string        `name:"tls-key" help:"Its key." placeholder:"FILE"`
	Connect string        `help:"Keep the queue on this NATS server, which has JetStream, in place of one of our own." placeholder:"URL"`
	Token   string        `name:"token-file" help:"With --connect: file with USER:PASSWORD for that server." placeholder:"FILE"`
	TLSCA   string        `name:"tls-ca" help:"With --connect tls://: file of certificates that sign the server's." placeholder:"FILE"`
	Lost    time.Duration `name:"lost-after" help:"A worker that has not been heard of for so long has lost its run, which another takes." default:"1m" placeholder:"TIME"`
	Page    string        `help:"Where this machine's browser finds the page, or off. Only addresses of this machine itself are taken." default:"127.0.0.1:7117" placeholder:"HOST:PORT"`
	logFlag
}

func (s *gridServeCmd) Run(c console) (err error) {
	log := s.logger(c)
	if err := s.check(c); err != nil {
		return err
	}
	if err := os.MkdirAll(s.Out, 0o755); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	var now atomic.Pointer[queue.Keeper]
	address, closePage, err := s.servePage(&now)
	if err != nil {
		return err
	}
	defer closePage()
	for first := true; ; first = false {
		broken, err := s.keep(c, log, &now, func(how string) {
			if !first {
				log("", "the queue is kept again")
				return
			}
			fmt.Fprintf(c.out, "%s\n", how)
			if address != "" {
				fmt.Fprintf(c.out, "page: http://%s/\n", address)
			}
		})
		switch {
		case c.ctx.Err() != nil:
			return interrupted("stopped; the same command goes on, workers wait for it")
		case !broken:
			return err
		}
		log("", "nothing can be written to %q any more; the server starts again when there is room", s.Store)
		s.room(c)
	}
}

// keep keeps the queue until the context ends, or the server cannot write its store.
func (s *gridServeCmd) keep(c console, log queue.Log, now *atomic.Pointer[queue.Keeper], ready func(how string)) (broken bool, err error) {
	q, err := s.open(c, log)
	if err != nil {
		return false, err
	}
	defer q.end()
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	lost := make(chan struct{})
	if q.server != nil {
		go func() {
			select {
			case <-q.server.Broken():
				close(lost)
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	keeper := cluster.Keeper(s.Out, queue.Settings{Lost: s.Lost}, q.server != nil, log)
	now.Store(keeper)
	err = keeper.Keep(ctx, q.client, func() { ready(q.how) })
	select {
	case <-lost:
		return true, nil
	default:
	}
	if err != nil && q.server != nil && c.ctx.Err() == nil {
		err = fmt.Errorf("%w; if the store is damaged, move %q away and submit again: runs that are done stay so", err, filepath.Join(s.Store, "nats"))
	}
	return false, err
}

// room waits until something can be written to the store.
func (s *gridServeCmd) room(c console) {
	for c.ctx.Err() == nil {
		select {
		case <-c.ctx.Done():
		case <-time.After(time.Second):
		}
		if work.Room(s.Store, 1<<20) == nil {
			return
		}
	}
}

func (s *gridServeCmd) check(c console) error {
	if s.Connect != "" {
		if err := c.without("the queue is on the server of --connect", "store", "listen", "tls-cert", "tls-key"); err != nil {
			return err
		}
		if !strings.Contains(s.Connect, "://") {
			return fmt.Errorf("--connect is %q, want nats://HOST:PORT or tls://HOST:PORT", s.Connect)
		}
		if !strings.HasPrefix(s.Connect, "tls://") {
			return c.without("only tls:// takes certificates", "tls-ca")
		}
		return nil
	}
	if err := c.without("the queue is this program's own, without --connect", "token-file", "tls-ca"); err != nil {
		return err
	}
	if s.Listen == "" {
		return c.without("no port is open without --listen", "tls-cert", "tls-key")
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return fmt.Errorf("--tls-cert %q and --tls-key %q: want both or neither", s.TLSCert, s.TLSKey)
	}
	return nil
}

// opened is a queue that can be kept.
type opened struct {
	client *queue.Client
	server *queue.Server // nil where it is another's
	how    string        // workers get to it
	end    func()
}

func (s *gridServeCmd) open(c console, log queue.Log) (opened, error) {
	if s.Connect != "" {
		client, err := queue.Reach(c.ctx, queue.Connection{To: s.Connect, Token: s.Token, CA: s.TLSCA, Name: "idarts grid serve", Log: log})
		if err != nil {
			return opened{}, err
		}
		how := fmt.Sprintf("keeping the queue on %s; workers: idarts grid work --connect %[1]s", s.Connect)
		return opened{client: client, how: how, end: client.Close}, nil
	}
	o := queue.ServerOptions{Store: s.Store, Listen: s.Listen, Log: log}
	if s.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
		if err != nil {
			return opened{}, fmt.Errorf("certificate: %w", err)
		}
		o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	server, err := queue.Serve(o)
	if err != nil {
		return opened{}, err
	}
	client, err := server.Client(c.ctx)
	if err != nil {
		server.Close()
		return opened{}, err
	}
	how := fmt.Sprintf("keeping the queue in %s; workers on this machine: idarts grid work --connect %[1]s", s.Store)
	if at := server.Address(); at != "" {
		scheme := "nats"
		if o.TLS != nil {
			scheme = "tls"
		}
		how += fmt.Sprintf("\nlistening on %s; workers on others, with a copy of %s:\n  idarts grid work --connect %s://HOST%s --token-file worker.token",
			at, filepath.Join(s.Store, queue.TokenFile(queue.WorkerRole)), scheme, at[strings.LastIndex(at, ":"):])
	}
	return opened{client, server, how, func() { client.Close(); server.Close() }}, nil
}

type gridWorkCmd struct {
	queueFlags
	Out   string        `help:"Folder to work in. What is in it can be deleted when no worker is running." default:"${out}" placeholder:"DIR"`
	Jobs  int           `help:"Runs at a time; 0 is one for each core, and one on a graphics card." default:"0" placeholder:"N"`
	Idle  time.Duration `help:"End when there was nothing to do for so long; 0s: never." default:"0s" placeholder:"TIME"`
	Stall time.Duration `help:"A run of which nothing was heard for so long is left to another worker, as when a device hangs; 0s: never." default:"30m" placeholder:"TIME"`
	Every time.Duration `name:"checkpoint-every" help:"Send checkpoints at most so often." default:"30s" placeholder:"TIME"`
	deviceFlag
	inputFlags
	logFlag
}

func (w *gridWorkCmd) Run(c console) error {
	if w.Idle < 0 || w.Stall < 0 || w.Every < 0 {
		return fmt.Errorf("--idle %v, --stall %v, --checkpoint-every %v: want 0s or more", w.Idle, w.Stall, w.Every)
	}
	name, jobs, err := w.chooseFor(c, w.Jobs)
	if err != nil {
		return err
	}
	log := w.logger(c)
	at, err := w.connection(c, queue.WorkerRole, log)
	if err != nil {
		return err
	}
	client, err := queue.Await(c.ctx, at)
	if c.ctx.Err() != nil {
		return interrupted("stopped before there was a server")
	}
	if err != nil {
		return err
	}
	defer client.Close()
	worker := cluster.Worker{
		Data: w.Data, Table: w.Table, Out: w.Out, Device: name, Jobs: jobs,
		Idle: w.Idle, Stall: w.Stall, Every: w.Every, Log: log,
	}
	counts, err := worker.Work(c.ctx, client)
	fmt.Fprintf(c.out, "%d runs done, %d failed, %d given back, %d lost to others\n", counts.Done, counts.Failed, counts.Back, counts.Lost)
	return err
}

type gridSubmitCmd struct {
	queueFlags
	chooseFlags
	deviceFlag
}

func (s *gridSubmitCmd) Run(c console) error {
	grid, err := s.grid(c)
	if err != nil {
		return err
	}
	if grid.Device, err = s.choose(c); err != nil {
		return err
	}
	grid.Bench = s.benches("", func(string, ...any) {})
	units, err := cluster.Units(grid)
	if err != nil {
		return err
	}
	client, err := s.connect(c)
	if err != nil {
		return err
	}
	defer client.Close()
	got, err := client.Submit(c.ctx, units)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d runs: %d new, %d done before, %d tried again\n", got.Units, got.New, got.Done, got.Retried)
	return nil
}

type gridStatusCmd struct {
	queueFlags
	All bool `help:"Also name the runs that are queued or done; of each kind two hundred at most."`
}

func (s *gridStatusCmd) Run(c console) error {
	client, err := s.connect(c)
	if err != nil {
		return err
	}
	defer client.Close()
	now, err := client.Status(c.ctx)
	if err != nil {
		return err
	}
	writeStatus(c.out, now, client.Settings(), s.All)
	if n := now.Counts[queue.Failed]; n > 0 {
		return fmt.Errorf("%d of %d runs failed, as said above", n, now.Units)
	}
	return nil
}

// writeStatus prints what runs are doing, who does them, and how many are left.
func writeStatus(out io.Writer, now queue.Status, settings queue.Settings, all bool) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, u := range now.Shown {
		e := u.Entry
		switch {
		case e.State == queue.Running:
			state := "running"
			if u.Late(settings) {
				state = "lost?"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\tloss %.3g\ttry %d\t%s\theard of %.0f s ago\n", u.Name, state, e.Text, e.Loss, e.Try, e.Machine, u.Beat)
		case e.State == queue.Failed, e.Error != "":
			fmt.Fprintf(w, "%s\t%s\t%s\t\t\t\t\n", u.Name, e.State, e.Error)
		case e.State == queue.Delivered || all:
			fmt.Fprintf(w, "%s\t%s\t\t\t\t%s\t\n", u.Name, e.State, e.Machine)
		}
	}
	for _, m := range now.Workers {
		state := "here"
		if !m.Alive {
			state = "not heard of"
		}
		fmt.Fprintf(w, "worker %s\t%s\t%d at a time\t\t\t%s\theard of %.0f s ago\n", m.Name, state, m.Jobs, m.Machine, m.Beat)
	}
	w.Flush()
	fmt.Fprintf(out, "%d of %d runs are done, %d running, %d arriving, %d queued, %d failed", now.Counts[queue.Done], now.Units,
		now.Counts[queue.Running], now.Counts[queue.Delivered], now.Counts[queue.Queued], now.Counts[queue.Failed])
	if now.Left > 0 {
		fmt.Fprintf(out, "; about %s left", (time.Duration(now.Left) * time.Second).Round(time.Second))
	}
	fmt.Fprintln(out)
}
