package queue

import (
	"errors"
	"testing"
)

// What is delivered with another checksum than the worker said, or without any files, is not
// stored: the unit is done again.
func TestDeliveryThatIsNone(t *testing.T) {
	packed, err := pack(map[string][]byte{"result": []byte("of nobody")})
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]Entry{
		"another checksum": {State: Delivered, Worker: "x", Try: 1, Files: packed, Sum: "00"},
		"no files":         {State: Delivered},
	} {
		t.Run(name, func(t *testing.T) { refused(t, wrong) })
	}
}

func refused(t *testing.T, wrong Entry) {
	to := newShelf()
	s := open(t, t.TempDir(), "", to)
	u := numbered(1)[0]
	if _, err := s.connect(SubmitRole).Submit(t.Context(), []Unit{u}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.connect(WorkerRole).replace(t.Context(), u.ID(), wrong, 0); err != nil {
		t.Fatal(err)
	}
	s.until("it is refused", func(now Status) bool { return now.Retries.Refused == 1 })
	s.work(Worker{Name: "w", Jobs: 1, Do: echo})
	s.until("done", all(Done, 1))
	if got := string(to.files[u.Name]["result"]); got != string(u.Spec) {
		t.Errorf("what is stored is %q", got)
	}
}

// What workers did while the list of units was lost counts when it is submitted again.
func TestDeliveryOfALostList(t *testing.T) {
	to, store := newShelf(), t.TempDir()
	s := open(t, store, "", to)
	to.refuse = func(Unit, map[string][]byte) error { return errors.New("no space left on device") }
	stop := s.work(Worker{Name: "w", Jobs: 1, Do: echo})
	submit := s.connect(SubmitRole)
	if _, err := submit.Submit(t.Context(), numbered(1)); err != nil {
		t.Fatal(err)
	}
	s.until("delivered", all(Delivered, 1))
	stop()
	list, err := s.keeper.client.batches.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("lists %v, %v", list, err)
	}
	if err := s.keeper.client.batches.Delete(t.Context(), list[0].Name); err != nil {
		t.Fatal(err)
	}
	s.end()
	to.refuse = nil
	s = open(t, store, "", to)
	if n := s.keeper.Status().Units; n != 0 {
		t.Fatalf("%d units are known", n)
	}
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(1)); err != nil {
		t.Fatal(err)
	}
	s.until("done without a worker", all(Done, 1))
}

// Units that the server's queue has lost are queued again.
func TestQueueThatIsEmptied(t *testing.T) {
	s := open(t, t.TempDir(), "", newShelf())
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(4)); err != nil {
		t.Fatal(err)
	}
	queue, err := s.keeper.client.js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(0); n < 4; {
		info, err := queue.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n = info.State.Msgs
	}
	if err := queue.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.work(Worker{Name: "w", Jobs: 1, Do: echo})
	s.until("done", all(Done, 4))
	if !s.log.has("were not in the server's queue") {
		t.Errorf("the log: %q", s.log.lines)
	}
}
