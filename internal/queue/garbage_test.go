package queue

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// What a client sends that is no message of ours is thrown away, and nothing is lost by it.
func TestGarbage(t *testing.T) {
	to := newShelf()
	s := open(t, t.TempDir(), "", to)
	c := s.connect(WorkerRole)
	submit := s.connect(SubmitRole)
	if _, err := submit.Submit(t.Context(), numbered(30)); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 1))
	junk := func() []byte {
		b := []byte(`{"state":"delivered","worker":"w","try":1,"object":"x","sum":"y","part":1e400}`)[:random.IntN(79)]
		for range random.IntN(4) {
			if len(b) > 0 {
				b[random.IntN(len(b))] = byte(random.Uint32())
			}
		}
		return b
	}
	end := time.Now().Add(garbageFor())
	s.work(Worker{Name: "w", Jobs: 1, Do: echo})
	for n := 0; time.Now().Before(end); n++ {
		id := numbered(30)[random.IntN(30)].ID()
		switch random.IntN(5) {
		case 0:
			c.entries.Put(t.Context(), id, junk())
		case 1:
			c.workers.Put(t.Context(), "x", junk())
		case 2:
			c.nc.PublishMsg(&nats.Msg{Subject: statusSubject, Data: junk()})
		case 3:
			submit.nc.PublishMsg(&nats.Msg{Subject: submitSubject, Data: junk()})
		case 4:
			c.files.PutBytes(t.Context(), id, junk())
		}
		if n%1000 == 0 { // what garbage has stopped is submitted again
			submit.Submit(t.Context(), numbered(30))
		}
	}
	for _, u := range numbered(30) { // whoever may write an entry can say that it failed
		if _, revision, _, _ := c.entry(t.Context(), u.ID()); revision > 0 {
			if done, _ := to.finished(u); !done {
				text, _ := json.Marshal(Entry{State: Failed})
				c.entries.Put(t.Context(), u.ID(), text)
			}
		}
	}
	time.Sleep(200 * time.Millisecond)
	if _, err := submit.Submit(t.Context(), numbered(30)); err != nil {
		t.Fatal(err)
	}
	// The server takes a while to go through what was thrown at it for long.
	for end := time.Now().Add(time.Minute + garbageFor()); len(to.names()) < 30; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of 30 are on the shelf: %+v\n%s", len(to.names()), s.keeper.Status().Counts, strings.Join(s.log.lines, "\n"))
		}
	}
	for _, u := range numbered(30) {
		if string(to.files[u.Name]["result"]) != string(u.Spec) {
			t.Errorf("%s: %q", u.Name, to.files[u.Name])
		}
	}
}

// garbageFor is a second, or what IDARTS_GARBAGE says.
func garbageFor() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("IDARTS_GARBAGE")); err == nil {
		return d
	}
	return time.Second
}

func FuzzUnpack(f *testing.F) {
	packed, err := pack(map[string][]byte{"a": []byte("one"), "b/c": nil})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		files, err := unpack(packed)
		if err != nil {
			return
		}
		again, err := pack(files)
		if err != nil {
			return // names that tar cannot hold
		}
		if back, err := unpack(again); err != nil || len(back) != len(files) {
			t.Errorf("packed again: %d files of %d, %v", len(back), len(files), err)
		}
	})
}
