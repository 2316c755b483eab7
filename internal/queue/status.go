package queue

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Submitted says what became of a list of units.
type Submitted struct {
	Units   int    `json:"units"`
	New     int    `json:"new"`
	Done    int    `json:"done"`    // files are there
	Retried int    `json:"retried"` // had failed, and are tried again
	Error   string `json:"error,omitempty"`
}

// Submit puts units into a queue. What is done already is not done again, what has failed is
// tried again.
func (c *Client) Submit(ctx context.Context, units []Unit) (Submitted, error) {
	text, err := json.Marshal(units)
	if err != nil {
		return Submitted{}, fmt.Errorf("queue: %w", err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	zip.Write(text)
	zip.Close()
	name := sumOf(text)
	if _, err := c.batches.GetInfo(ctx, name); errors.Is(err, jetstream.ErrObjectNotFound) {
		if _, err := c.batches.PutBytes(ctx, name, packed.Bytes()); err != nil {
			return Submitted{}, fmt.Errorf("queue: submit: the server does not store the list, its remarks may say why: %w", err)
		}
	} else if err != nil {
		return Submitted{}, fmt.Errorf("queue: submit: %w", err)
	}
	var answer Submitted
	if err := c.ask(ctx, submitSubject, name, &answer); err != nil {
		return answer, err
	}
	if answer.Error != "" {
		return answer, errors.New(answer.Error)
	}
	return answer, nil
}

// ask asks the keeper.
func (c *Client) ask(ctx context.Context, subject string, question, answer any) error {
	text, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute) // of ten thousand units the files are looked for
	defer cancel()
	message, err := c.nc.RequestWithContext(ctx, subject, text)
	if errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("queue: nobody keeps the queue; idarts grid serve does: %w", err)
	}
	if err != nil {
		return fmt.Errorf("queue: ask the keeper: %w", err)
	}
	if err := json.Unmarshal(message.Data, answer); err != nil {
		return fmt.Errorf("queue: the keeper's answer: %w", err)
	}
	return nil
}

// answer is what a question gets.
func (k *Keeper) answer(ctx context.Context, question []byte, to func(ctx context.Context, question string) any) []byte {
	var name string
	if err := json.Unmarshal(question, &name); err != nil {
		k.Log("", "a question that is none is not answered: %d bytes", len(question))
		name = ""
	}
	text, err := json.Marshal(to(ctx, name))
	if err != nil {
		return nil
	}
	return text
}

func (k *Keeper) submit(ctx context.Context, name string) any {
	units, err := k.batch(ctx, name)
	if err != nil {
		return Submitted{Error: oneLine(err)}
	}
	k.mu.Lock()
	answer := Submitted{Units: len(units)}
	for _, u := range units {
		there := k.units[u.ID()]
		switch {
		case there == nil:
			answer.New++
		case !bytes.Equal(there.Spec, u.Spec) || there.Class != u.Class:
			k.mu.Unlock()
			return Submitted{Error: fmt.Sprintf("queue: %s is in the queue with other numbers; one queue has one run of a name", u.Name)}
		}
	}
	k.mu.Unlock()
	mine := k.add(units)
	for _, u := range mine {
		k.mu.Lock()
		failed := u.entry.State == Failed
		k.mu.Unlock()
		if failed {
			if err := k.again(ctx, u, ""); err != nil {
				return Submitted{Error: oneLine(err)}
			}
			answer.Retried++
		}
	}
	if answer.Done, err = k.fill(ctx, mine); err != nil {
		return Submitted{Error: oneLine(err)}
	}
	k.Log("", "submitted: %d units, %d of them new, %d done before, %d tried again", answer.Units, answer.New, answer.Done, answer.Retried)
	return answer
}

// Status is a queue at a moment.
type Status struct {
	Units   int           `json:"units"`
	Counts  map[State]int `json:"counts"`
	Workers []Member      `json:"workers"`
	Shown   []Shown       `json:"shown"` // units in the order of their submission
	// Left is how long the rest takes at the pace of the last ten minutes, seconds; 0: not
	// known.
	Left    float64 `json:"left,omitempty"`
	Retries Retries `json:"retries"`
}

// Member is a worker.
type Member struct {
	Name string `json:"name"`
	Presence
	Beat  float64 `json:"beat"` // seconds since it was heard of
	Alive bool    `json:"alive"`
}

// Shown is a unit with its state.
type Shown struct {
	Name  string  `json:"name"`
	Entry Entry   `json:"entry"`
	Beat  float64 `json:"beat,omitempty"` // seconds since its worker was heard of, while running
}

// Late says that the worker of a running unit has not been heard of for so long that the unit
// will be taken from it.
func (s Shown) Late(settings Settings) bool {
	return s.Entry.State == Running && s.Beat > settings.Lost.Seconds()
}

// Status is what the keeper knows.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	s := Status{Units: len(k.order), Counts: map[State]int{}, Retries: k.counts}
	for _, u := range k.order {
		s.Counts[u.entry.State]++
		s.Retries.TakenOver += u.entry.Over
		s.Retries.GivenBack += u.entry.Back
		shown := Shown{Name: u.Name, Entry: u.entry}
		if u.entry.State == Running {
			shown.Beat = max(0, now.Sub(u.written).Seconds())
		}
		s.Shown = append(s.Shown, shown)
	}
	for name, m := range k.crew {
		age := max(0, now.Sub(m.written).Seconds())
		if m.Gone || age > 100*k.Settings.Lost.Seconds() {
			continue
		}
		s.Workers = append(s.Workers, Member{Name: name, Presence: m.Presence, Beat: age, Alive: age < k.Settings.Lost.Seconds()})
	}
	slices.SortFunc(s.Workers, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	const window = 10 * time.Minute
	recent := 0
	for _, end := range k.ends {
		if now.Sub(end) < window {
			recent++
		}
	}
	if open := s.Counts[Queued] + s.Counts[Running] + s.Counts[Delivered]; recent >= 3 && open > 0 {
		span := min(window, now.Sub(k.ends[0]))
		s.Left = span.Seconds() / float64(recent) * float64(open)
	}
	return s
}

// status answers a client: of a long list the units that people look for.
func (k *Keeper) status(_ context.Context, _ string) any {
	const most = 200
	s := k.Status()
	shown := s.Shown
	s.Shown = nil
	for _, state := range []State{Running, Failed, Delivered, Queued, Done} {
		n := 0
		for _, u := range shown {
			if u.Entry.State == state && n < most {
				u.Entry.Curve = nil
				s.Shown = append(s.Shown, u)
				n++
			}
		}
	}
	return s
}

// Status asks the keeper how far the units are. Of each state it tells at most two hundred.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.ask(ctx, statusSubject, "", &s)
}
