package runners

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"idarts/internal/result"
)

// progress tells a waiting person how far a grid is: on a terminal one line that
// is rewritten in place, elsewhere one line a minute. Remarks go above it.
type progress struct {
	out      io.Writer
	terminal bool
	width    func() int // columns of the terminal

	mu      sync.Mutex
	total   int
	done    int
	failed  int
	reused  int
	running []*runProgress // in the order of their start
	began   time.Time
	moved   float64 // runs' worth of work done in this session
	drawn   bool    // the last line on the terminal is ours
	stop    chan struct{}
	stopped chan struct{}
}

// runProgress is one running cell.
type runProgress struct {
	cell          result.Cell
	epoch, epochs int
	fraction      float64 // of the run, 0 to 1
	first         float64 // fraction at the start of this session, below 0 before it is known
}

func newProgress(out io.Writer, terminal bool, width func() int, total int) *progress {
	p := &progress{
		out: out, terminal: terminal, width: width, total: total,
		began: time.Now(), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	every := time.Minute
	if terminal {
		every = 250 * time.Millisecond
	}
	go func() {
		defer close(p.stopped)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
				p.mu.Lock()
				p.draw()
				p.mu.Unlock()
			}
		}
	}()
	return p
}

// close stops the display and clears its line.
func (p *progress) close() {
	close(p.stop)
	<-p.stopped
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *progress) start(cell result.Cell) *runProgress {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &runProgress{cell: cell, first: -1}
	p.running = append(p.running, r)
	return r
}

// move says that r is this far in epoch (1 after the start) of epochs.
func (p *progress) move(r *runProgress, epoch, epochs int, fraction float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.epoch, r.epochs = epoch, epochs
	r.fraction = (float64(epoch-1) + fraction) / float64(epochs)
	if r.first < 0 {
		r.first = float64(epoch-1) / float64(epochs)
	}
}

// finish takes r off the list; line says what became of it.
func (p *progress) finish(r *runProgress, out outcome, err error, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = slices.DeleteFunc(p.running, func(x *runProgress) bool { return x == r })
	switch {
	case err != nil:
		p.failed++
	case out == reused:
		p.reused++
	default:
		p.done++
		p.moved += 1 - max(r.first, 0)
	}
	if line != "" {
		p.clear()
		fmt.Fprintln(p.out, line)
	}
}

// note prints a remark.
func (p *progress) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// clear removes our line from the terminal. The caller holds mu.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

// draw prints the line. The caller holds mu.
func (p *progress) draw() {
	line := p.line(time.Now())
	if !p.terminal {
		fmt.Fprintln(p.out, line)
		return
	}
	if limit := p.width() - 1; limit > 0 && len(line) > limit {
		line = line[:limit]
	}
	p.clear()
	fmt.Fprint(p.out, line)
	p.drawn = true
}

// line is, for example,
//
//	4/15 runs, 1m12s, about 2m30s left: idarts seed 1 epoch 3/8, random seed 2 epoch 1/8
func (p *progress) line(now time.Time) string {
	elapsed := now.Sub(p.began)
	moved, left := p.moved, float64(p.total-p.done-p.reused-p.failed)
	var running []string
	for _, r := range p.running {
		moved += r.fraction - max(r.first, 0)
		left -= r.fraction
		if r.epochs > 0 {
			running = append(running, fmt.Sprintf("%s seed %d epoch %d/%d", r.cell.Method, r.cell.Seed, r.epoch, r.epochs))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d/%d runs", p.done+p.reused, p.total)
	if p.failed > 0 {
		fmt.Fprintf(&b, ", %d failed", p.failed)
	}
	fmt.Fprintf(&b, ", %s", elapsed.Round(time.Second))
	if moved > 0.01 {
		eta := time.Duration(float64(elapsed) / moved * left)
		fmt.Fprintf(&b, ", about %s left", eta.Round(time.Second))
	}
	if len(running) > 0 {
		b.WriteString(": " + strings.Join(running, ", "))
	}
	return b.String()
}
