package queue

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"io/fs"
	"math/big"
	random "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"idarts/internal/longtest"
)

// A NATS server that somebody else runs serves as well, and one keeper keeps its queue: a
// second waits until the first is gone.
func TestOrdinaryServer(t *testing.T) {
	nats, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	defer nats.Shutdown()
	if !nats.ReadyForConnections(20 * time.Second) {
		t.Fatal("it does not start")
	}
	to, log := newShelf(), &journal{}
	at := Connection{To: nats.ClientURL(), Log: log.add}
	keep := func(ctx context.Context) (ready chan struct{}, ended chan error) {
		c, err := Reach(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		k := &Keeper{Finished: to.finished, Store: to.store, Settings: Settings{Lost: lost}, Log: log.add}
		ready, ended = make(chan struct{}), make(chan error, 1)
		go func() { defer c.Close(); ended <- k.Keep(ctx, c, func() { close(ready) }) }()
		return ready, ended
	}
	waiting := make(chan error, 1)
	go func() {
		c, err := Await(t.Context(), at)
		if err == nil {
			c.Close()
		}
		waiting <- err
	}()
	for end := time.Now().Add(20 * time.Second); !log.has("has no queue of idarts"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody waits for a queue")
		}
	}
	one, stopOne := context.WithCancel(t.Context())
	two, stopTwo := context.WithCancel(t.Context())
	ready, ended := keep(one)
	<-ready
	if err := <-waiting; err != nil {
		t.Errorf("who waited for a queue: %v", err)
	}
	readyToo, endedToo := keep(two)
	for end := time.Now().Add(10 * time.Second); !log.has("another idarts grid serve keeps this queue"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the second keeper does not say that it waits")
		}
	}
	submit := func(n int) Submitted {
		c, err := Connect(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got, err := c.Submit(t.Context(), numbered(n))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	c, err := Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	working, stop := context.WithCancel(t.Context())
	defer stop()
	go (&Worker{Name: "w", Class: CPU, Jobs: 1, Do: echo}).Work(working, c)
	shelved := func(n int) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); len(to.names()) < n; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d of %d units are stored", len(to.names()), n)
			}
		}
	}
	submit(3)
	shelved(3)
	select {
	case <-readyToo:
		t.Error("two keepers keep one queue")
	default:
	}
	stopOne()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	<-readyToo
	if got := submit(5); got.New != 2 || got.Done != 3 {
		t.Errorf("to the second keeper: %+v", got)
	}
	shelved(5)
	stopTwo()
	if err := <-endedToo; err != nil {
		t.Error(err)
	}
}

// selfSigned is a certificate for 127.0.0.1, and the file of it.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

func TestTLS(t *testing.T) {
	pair, ca := selfSigned(t)
	to := newShelf()
	s := openWith(t, ServerOptions{Store: t.TempDir(), Listen: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}}, to)
	at := Connection{To: "tls://" + s.server.Address(), Token: filepath.Join(s.store, TokenFile(WorkerRole)), Role: WorkerRole, CA: ca}
	c, err := Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !c.nc.TLSRequired() {
		t.Error("the connection is not encrypted")
	}
	at.CA = ""
	for name, connect := range map[string]func(context.Context, Connection) (*Client, error){"connect": Connect, "wait": Await} {
		if _, err := connect(t.Context(), at); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("a certificate that nobody signed, %s: %v", name, err)
		}
	}
	// Processes of the same machine come in by the socket as before.
	s.work(Worker{Name: "w", Jobs: 1, Do: echo})
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(3)); err != nil {
		t.Fatal(err)
	}
	s.until("done", all(Done, 3))
}

// Who waits for a server goes on when what answers cuts connections, as a balancer does whose
// server is away. A wrong token, encryption that is not there or an address that is none are
// said at once.
func TestAwait(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var to atomic.Value // the server's address, once there is one
	tries := make(chan bool, 100)
	go func() {
		for n := 0; ; n++ {
			in, err := l.Accept()
			if err != nil {
				return
			}
			tries <- true
			address, there := to.Load().(string)
			if !there {
				if n%2 == 1 {
					io.WriteString(in, `INFO {"server_id":"`)
				}
				in.Close()
				continue
			}
			out, err := net.Dial("tcp", address)
			if err != nil {
				in.Close()
				continue
			}
			go func() { io.Copy(out, in); out.Close() }()
			go func() { io.Copy(in, out); in.Close() }()
		}
	}()
	s := openWith(t, ServerOptions{Store: t.TempDir(), Listen: "127.0.0.1:0"}, newShelf())
	token := filepath.Join(s.store, TokenFile(WorkerRole))
	type answer struct {
		*Client
		error
	}
	got := make(chan answer, 1)
	at := Connection{To: "nats://" + l.Addr().String(), Token: token, Role: WorkerRole}
	go func() { c, err := Await(t.Context(), at); got <- answer{c, err} }()
	for range 3 {
		select {
		case <-tries:
		case a := <-got:
			t.Fatalf("did not wait: %v", a.error)
		}
	}
	to.Store(s.server.Address())
	if a := <-got; a.error != nil {
		t.Fatal(a.error)
	} else {
		a.Close()
	}

	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("worker:00000000000000000000000000000000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, at := range map[string]Connection{
		"the token is not that of this server": {To: at.To, Token: wrong, Role: WorkerRole},
		"nats: secure connection":              {To: "tls://" + s.server.Address(), Token: token, Role: WorkerRole},
		"invalid port":                         {To: "nats://127.0.0.1:port", Token: token, Role: WorkerRole},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if _, err := Await(ctx, at); err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q at once", err, want)
		}
		cancel()
	}
}

// A store that is damaged in any way is told of in one line, or goes on; submitted again, all
// units are there.
func TestDamagedStore(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers again and again")
	}
	seeds := uint64(2)
	if longtest.Wanted() {
		seeds = 13
	}
	for seed := range seeds {
		to, store := newShelf(), t.TempDir()
		s := open(t, store, "", to)
		stop := s.work(Worker{Name: "w", Jobs: 1, Do: echo})
		if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(3)); err != nil {
			t.Fatal(err)
		}
		s.until("done", all(Done, 3))
		stop()
		if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(6)); err != nil {
			t.Fatal(err)
		}
		s.end()
		r := random.New(random.NewPCG(seed, 0))
		filepath.WalkDir(filepath.Join(store, "nats"), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || r.IntN(2) == 0 {
				return nil
			}
			content, _ := os.ReadFile(path)
			if len(content) > 0 {
				content[r.IntN(len(content))] ^= 1 << r.IntN(8)
				content = content[:len(content)-r.IntN(1+len(content)/3)]
			}
			os.WriteFile(path, content, 0o644)
			return nil
		})
		again, err := Serve(ServerOptions{Store: store})
		if err == nil {
			err = keepOnce(t, again, to)
			again.Close()
		}
		if err != nil {
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "queue: ") {
				t.Errorf("seed %d: %q", seed, err)
			}
			t.Logf("seed %d: %v", seed, err)
			if err := os.RemoveAll(filepath.Join(store, "nats")); err != nil {
				t.Fatal(err)
			}
		}
		s = open(t, store, "", to)
		s.work(Worker{Name: "w", Jobs: 1, Do: echo})
		if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(6)); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		s.until("all of them", all(Done, 6))
		for _, u := range numbered(6) { // an old entry that the damage brings back may have it stored again
			if got := string(to.files[u.Name]["result"]); got != string(u.Spec) {
				t.Errorf("seed %d: %s has %q", seed, u.Name, got)
			}
		}
		s.end()
	}
}

// keepOnce keeps a queue until it is ready, or says why it cannot.
func keepOnce(t *testing.T, s *Server, to *shelf) error {
	c, err := s.Client(t.Context())
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	k := &Keeper{Finished: to.finished, Store: to.store, Settings: Settings{Lost: lost}, Alone: true}
	return k.Keep(ctx, c, cancel)
}

// On a disk that is full a list of units is refused, and taken once there is room.
func TestServerOnAFullDisk(t *testing.T) {
	store := t.TempDir()
	if exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", store).Run() != nil {
		t.Skip("no small disk can be made here")
	}
	defer exec.Command("umount", "-l", store).Run()
	change(t, &patience, time.Second)
	to := newShelf()
	s := open(t, store, "", to)
	s.work(Worker{Name: "w", Jobs: 1, Do: echo})
	submit := s.connect(SubmitRole)
	if _, err := submit.Submit(t.Context(), numbered(3)); err != nil {
		t.Fatal(err)
	}
	s.until("done", all(Done, 3))
	ballast := filepath.Join(store, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 1<<12); ; {
		if _, err := f.Write(b); err != nil {
			break
		}
	}
	f.Close()
	if _, err := submit.Submit(t.Context(), numbered(2000)); err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "the server does not store the list") {
		t.Errorf("a list of units on a full disk: %v, want one line", err)
	}
	<-s.server.Broken()
	if !s.log.has("no space left on device") {
		t.Errorf("the server's remarks: %q", s.log.lines)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.end()
	s = open(t, store, "", to)
	s.work(Worker{Name: "w", Jobs: 1, Do: echo})
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(5)); err != nil {
		t.Fatal(err)
	}
	s.until("done", all(Done, 5))
	for name, n := range to.stored {
		if n != 1 {
			t.Errorf("%s is stored %d times", name, n)
		}
	}
}
