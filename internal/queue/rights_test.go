package queue

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWhoMayDoWhat(t *testing.T) {
	s := open(t, t.TempDir(), "127.0.0.1:0", newShelf())
	at := "nats://" + s.server.Address()
	connect := func(token, role string) (*Client, error) {
		return Connect(t.Context(), Connection{To: at, Token: filepath.Join(s.store, token), Role: role})
	}
	wrong := filepath.Join(s.store, "wrong.token")
	if err := os.WriteFile(wrong, []byte("worker:0123456789abcdef0123"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := connect("wrong.token", WorkerRole); err == nil || !strings.Contains(err.Error(), "token is not that of this server") {
		t.Errorf("a wrong token: %v", err)
	}
	if _, err := Connect(t.Context(), Connection{To: at, Role: WorkerRole}); err == nil {
		t.Error("no token is needed")
	}
	for end := time.Now().Add(10 * time.Second); !s.log.has("authentication error") && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if !s.log.has("authentication error") {
		t.Errorf("a wrong token is not in the log: %q", s.log.lines)
	}
	if _, err := connect("worker.token", SubmitRole); err == nil || !strings.Contains(err.Error(), "is of a worker") {
		t.Errorf("a worker's token to submit with: %v", err)
	}
	worker, err := connect("worker.token", WorkerRole)
	if err != nil {
		t.Fatal(err)
	}
	defer worker.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // what is refused has no answer
	defer cancel()
	if _, err := worker.Submit(ctx, numbered(1)); err == nil {
		t.Error("a worker may submit")
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := worker.js.DeleteStream(ctx, stream); err == nil {
		t.Error("a worker may delete the queue")
	}
	if s, err := worker.js.Stream(t.Context(), stream); err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Purge(ctx); err == nil {
			t.Error("a worker may empty the queue")
		}
	}
	info, err := os.Stat(filepath.Join(s.store, TokenFile(WorkerRole)))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token's mode is %v, %v", info.Mode(), err)
	}
}

func TestNoPortWithoutListen(t *testing.T) {
	s := open(t, t.TempDir(), "", newShelf())
	if at := s.server.Address(); at != "" {
		t.Errorf("listens on %s", at)
	}
	tcp, _ := os.ReadFile("/proc/self/net/tcp")
	mine := socketsOf(t)
	for _, line := range strings.Split(string(tcp), "\n") {
		if fields := strings.Fields(line); len(fields) > 9 && fields[3] == "0A" && mine[fields[9]] {
			t.Errorf("a port is open: %s", line)
		}
	}
}

// socketsOf are the inodes of this process's sockets.
func socketsOf(t *testing.T) map[string]bool {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	mine := map[string]bool{}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "socket:[") {
			mine[strings.Trim(to, "socket:[]")] = true
		}
	}
	return mine
}
