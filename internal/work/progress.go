package work

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// progress tells a waiting person how far units are: on a terminal one line that is
// rewritten in place, elsewhere one line a minute. Remarks go above it.
type progress struct {
	out      io.Writer
	terminal bool
	width    func() int // columns of the terminal
	things   string     // what is counted

	mu     sync.Mutex
	total  int // things; so are the next three
	ended  int // done, here or elsewhere, now or before
	failed int
	worked float64 // ended in this session by this process, but for what was there of them
	away   int     // units in other processes
	bars   []*bar  // of units being done, in the order of their start
	began  time.Time
	drawn  bool // the last line on the terminal is ours

	stop, stopped chan struct{}
}

// bar is how far one unit is.
type bar struct {
	show  *progress
	size  int
	text  string  // what people are told of it besides; "": nothing
	part  float64 // things of it that are done
	first float64 // part at the start of this session, below 0 before it is known
}

func newProgress(o Options, things string, total int) *progress {
	p := &progress{
		out: o.Log, terminal: o.Terminal, width: o.Width, things: things, total: total,
		began: time.Now(), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if p.out == nil {
		p.out = io.Discard
	}
	every := time.Minute
	if p.terminal {
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

// start adds a unit of so many things.
func (p *progress) start(size int) *bar {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := &bar{show: p, size: size, first: -1}
	p.bars = append(p.bars, b)
	return b
}

// Move implements [Teller].
func (b *bar) Move(part float64, text string) {
	b.show.mu.Lock()
	defer b.show.mu.Unlock()
	b.part, b.text = part, text
	if b.first < 0 {
		b.first = part
	}
}

// Note implements [Teller].
func (b *bar) Note(format string, args ...any) { b.show.note(format, args...) }

// finish takes b off the list; line says why its unit failed.
func (p *progress) finish(b *bar, out outcome, line string) {
	p.mu.Lock()
	p.bars = slices.DeleteFunc(p.bars, func(x *bar) bool { return x == b })
	switch out {
	case failed:
		p.failed += b.size
	case done:
		p.worked += float64(b.size) - max(b.first, 0)
		p.ended += b.size
	case reused, elsewhere:
		p.ended += b.size
	}
	p.mu.Unlock()
	if out == failed {
		p.note("failed: %s", line)
	}
}

// reused says that so many things were found done.
func (p *progress) reused(things int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended += things
}

// elsewhere says how many units other processes hold.
func (p *progress) elsewhere(units int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = units
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
//	1200/6653 trainings, 2 elsewhere, 11m2s, 1.80 a second, about 50m30s left
//
// with a rate where units are of several things. What is left counts as if this
// process did it alone. The caller holds mu.
func (p *progress) line(now time.Time) string {
	elapsed := now.Sub(p.began)
	ended, worked, rest := p.ended, p.worked, float64(p.total-p.ended-p.failed)
	var texts []string
	several := false
	for _, b := range p.bars {
		ended += int(b.part)
		worked += b.part - max(b.first, 0)
		rest -= b.part
		several = several || b.size > 1
		if b.text != "" {
			texts = append(texts, b.text)
		}
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%d/%d %s", ended, p.total, p.things)
	if p.failed > 0 {
		fmt.Fprintf(&s, ", %d failed", p.failed)
	}
	if p.away > 0 {
		fmt.Fprintf(&s, ", %d elsewhere", p.away)
	}
	fmt.Fprintf(&s, ", %s", elapsed.Round(time.Second))
	if worked > 0.01 {
		if several {
			fmt.Fprintf(&s, ", %.2f a second", worked/elapsed.Seconds())
		}
		fmt.Fprintf(&s, ", about %s left", time.Duration(float64(elapsed)/worked*rest).Round(time.Second))
	}
	if len(texts) > 0 {
		s.WriteString(": " + strings.Join(texts, ", "))
	}
	return s.String()
}
