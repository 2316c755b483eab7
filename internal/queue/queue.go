// Package queue spreads units of work over machines, on NATS JetStream. A unit is a pure
// function of its name: whoever does it gets the same files. What units are, and how they
// are done, is not known here.
//
// Three take part. The server ([Serve]) stores all that follows. The keeper ([Keep]), one
// for a queue, is given lists of units, puts those into the queue that are not done yet, and
// takes in what workers send. Workers ([Work]) take one unit after another, do it, and send
// its files.
//
// The queue is a hint. That a unit is done is said by the files that the keeper has stored:
// with the queue lost, the same lists are submitted again and what is there is not done
// again. Nor is an acknowledgement a fence, since that of a worker which slept is accepted.
// The fence is the entry of the unit in a key-value store, which is only replaced where it
// still has the revision that its writer saw (compare and set): a worker that another took
// over from finds a revision that it does not know, and throws its work away.
//
// A worker tells every quarter of the time [Settings.Lost] that it is alive. One that was
// not heard of for so long has lost its unit, which the next worker takes, from the last
// checkpoint that was sent. A unit that was lost so five times has failed.
package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Unit is a piece of work as it travels: names and numbers, no command and no path.
type Unit struct {
	Name  string `json:"name"`
	Class string `json:"class"` // what may do it: [CPU] or [GPU]
	// Spec is what else a worker must know; it and the name decide every bit of the files.
	Spec json.RawMessage `json:"spec"`
}

// Classes of units.
const (
	CPU = "cpu"
	GPU = "gpu"
)

// ID names the unit where a name's letters cannot be: in subjects and keys.
func (u Unit) ID() string { return keyOf(u.Name) }

// keyOf is the key of a name.
func keyOf(name string) string { return sumOf([]byte(name))[:24] }

// sumOf is the SHA-256 of content, in hexadecimal.
func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// check refuses what no submitter of ours writes.
func (u Unit) check() error {
	switch {
	case u.Name == "" || len(u.Name) > 1000:
		return fmt.Errorf("queue: unit with a name of %d bytes, want 1 to 1000", len(u.Name))
	case u.Class != CPU && u.Class != GPU:
		return fmt.Errorf("queue: unit %q: class %q, want %q or %q", u.Name, u.Class, CPU, GPU)
	}
	return nil
}

func (u Unit) subject() string { return subjects + "." + u.Class + "." + u.ID() }

// State of a unit.
type State string

// States, in the order that a unit goes through.
const (
	Queued    State = "queued"
	Running   State = "running"
	Delivered State = "delivered" // its files are at the server, and not yet taken in
	Done      State = "done"
	Failed    State = "failed"
)

// Progress is how far a unit is, for people.
type Progress struct {
	Part  float64   `json:"part"`            // 0 to 1
	Text  string    `json:"text,omitempty"`  // "epoch 3/10"
	Loss  float64   `json:"loss,omitempty"`  // the last one
	Curve []float64 `json:"curve,omitempty"` // percent, by epoch
}

// Entry is what the queue knows of a unit that somebody has taken.
type Entry struct {
	State   State  `json:"state"`
	Worker  string `json:"worker,omitempty"`  // who has it, or had it last
	Machine string `json:"machine,omitempty"` // where that runs, for people
	// Try counts those who have taken the unit, Over those of them from whom it was taken
	// since they were not heard of, Back those who gave it back. Lost are those since it was
	// queued who were not heard of or could not go on.
	Try  int `json:"try"`
	Over int `json:"over,omitempty"`
	Back int `json:"back,omitempty"`
	Lost int `json:"lost,omitempty"`
	Progress
	Error string `json:"error,omitempty"` // why it failed, or was given back
	// While it is delivered: its files, packed, or where they are if they are large; and the
	// SHA-256 of that.
	Files  []byte `json:"files,omitempty"`
	Object string `json:"object,omitempty"`
	Sum    string `json:"sum,omitempty"`
	Point  bool   `json:"point,omitempty"` // a checkpoint was sent
}

// inline is how large packed files are at most that travel in the entry.
const inline = 256 << 10

// mine says whether an entry is by the same taking of the unit as e.
func (e Entry) mine(by Entry) bool { return e.Worker == by.Worker && e.Try == by.Try }

// Most is how often a unit is lost before it has failed.
const Most = 5

// Settings of a queue, which whoever connects reads.
type Settings struct {
	// Lost is after how long without a sign of life a unit is taken from its worker. It is
	// not the length of a unit.
	Lost time.Duration `json:"lost"`
}

// DefaultLost is [Settings.Lost] where nobody says otherwise.
const DefaultLost = time.Minute

// check refuses times in which no beat could be.
func (s Settings) check() error {
	if s.Lost < time.Second || s.Lost > time.Hour {
		return fmt.Errorf("queue: workers are lost after %v, want 1s to 1h", s.Lost)
	}
	return nil
}

// beat is how often a worker tells that it is alive.
func (s Settings) beat() time.Duration { return s.Lost / 4 }

// Names of what is stored.
const (
	stream       = "units"
	subjects     = "unit"
	entriesStore = "entries"
	workersStore = "workers"
	factsStore   = "facts"
	aboutStore   = "about"
	batchStore   = "batches"
	filesStore   = "files"
	pointsStore  = "checkpoints"

	settingsKey = "settings"
	keeperKey   = "keeper"

	submitSubject = "idarts.submit"
	statusSubject = "idarts.status"
)

// ErrTaken is why the context of a unit ends whose worker has lost it.
var ErrTaken = errors.New("queue: another worker has the unit")

// Stop is an error after which a worker takes no other unit: this one shows that it cannot do
// any, as where it is of another version.
type Stop struct{ Err error }

func (s Stop) Error() string { return s.Err.Error() }
func (s Stop) Unwrap() error { return s.Err }

// Failure is an error that comes of the unit itself and would come again anywhere: its search
// diverges. Files are what it leaves.
type Failure struct {
	Err   error
	Files map[string][]byte
}

func (f Failure) Error() string { return f.Err.Error() }
func (f Failure) Unwrap() error { return f.Err }

// Log takes a remark for people: on a unit, or on none where that is "".
type Log func(unit, format string, args ...any)

// oneLine is an error's text on one line, and not endless.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > 500 {
		text = text[:500] + " ..."
	}
	return text
}
