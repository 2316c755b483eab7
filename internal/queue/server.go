package queue

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/crypto/bcrypt"

	"idarts/internal/durable"
)

// Roles of those who connect. A role's token is in the file [TokenFile] of the store.
const (
	WorkerRole = "worker" // does units; may not submit any, nor delete what others need
	SubmitRole = "submit" // submits units and asks how far they are
	keeperRole = "keeper"
)

// TokenFile is the name of the file with the token of a role: one line, the role and a secret
// with a colon between.
func TokenFile(role string) string { return role + ".token" }

// SocketFile is where a server listens for processes of its own machine that may read its
// store.
const SocketFile = "grid.sock"

// ServerOptions say where a server stores and listens.
type ServerOptions struct {
	Store  string // folder
	Listen string // host:port; "": no port
	TLS    *tls.Config
	Log    Log
}

// Server is a NATS server with JetStream in this process.
type Server struct {
	nats    *server.Server
	socket  net.Listener
	secret  string // of the keeper
	release func() // the lock of the store
	wait    sync.WaitGroup
	broken  chan struct{} // closed when the store cannot be written any more
	breaks  func()
}

// Serve starts a server on a store, which no other one may have open: two servers on one
// store would destroy it. Without o.Listen no port is open, and only processes of this machine
// that may read the store reach it, by its socket.
func Serve(o ServerOptions) (*Server, error) {
	if err := os.MkdirAll(o.Store, 0o700); err != nil {
		return nil, fmt.Errorf("queue: store: %w", err)
	}
	release, err := durable.Claim(durable.LockFile(o.Store))
	if errors.Is(err, durable.ErrLocked) {
		return nil, fmt.Errorf("queue: store %q: another server has it open", o.Store)
	}
	if err != nil {
		return nil, fmt.Errorf("queue: store: %w", err)
	}
	s := &Server{release: release, secret: newSecret(), broken: make(chan struct{})}
	s.breaks = sync.OnceFunc(func() { close(s.broken) })
	if err := s.start(o); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(o ServerOptions) error {
	secret, err := hashed(s.secret)
	if err != nil {
		return err
	}
	users := []*server.User{{Username: keeperRole, Password: secret}}
	for role, allowed := range permissions {
		secret, err := token(o.Store, role)
		if err == nil {
			secret, err = hashed(secret)
		}
		if err != nil {
			return err
		}
		users = append(users, &server.User{Username: role, Password: secret, Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: allowed},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
		}})
	}
	options := &server.Options{
		ServerName: "idarts", StoreDir: filepath.Join(o.Store, "nats"), JetStream: true, SyncAlways: true,
		DontListen: true, NoSigs: true, NoSystemAccount: true, Users: users, MaxPayload: maxMessage, MaxControlLine: 4096,
		JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 50, // the disk's limit is told by the disk
	}
	if o.Listen != "" {
		host, port, err := splitAddress(o.Listen)
		if err != nil {
			return err
		}
		options.DontListen, options.Host, options.Port = false, host, port
		if o.TLS != nil {
			options.TLSConfig, options.TLSTimeout = o.TLS, 5
		}
	}
	if s.nats, err = server.NewServer(options); err != nil {
		return fmt.Errorf("queue: server: %w", err)
	}
	s.nats.SetLogger(serverLog{o.Log, s.breaks}, false, false)
	go s.nats.Start()
	if !s.nats.ReadyForConnections(30 * time.Second) {
		return fmt.Errorf("queue: server on %q does not start, its remarks say why", o.Store)
	}
	return s.listen(filepath.Join(o.Store, SocketFile))
}

// Address is where the server listens, "" where no port is open.
func (s *Server) Address() string {
	if a := s.nats.Addr(); a != nil {
		return a.String()
	}
	return ""
}

// listen passes what comes by the socket on to the server.
func (s *Server) listen(path string) (err error) {
	os.Remove(path) // of a server that was killed; the lock says that none is alive
	if s.socket, err = net.Listen("unix", shortest(path)); err != nil {
		return fmt.Errorf("queue: socket %q: %w", path, err)
	}
	s.wait.Go(func() {
		for {
			conn, err := s.socket.Accept()
			if err != nil {
				return
			}
			inside, err := s.nats.InProcessConn()
			if err != nil {
				conn.Close()
				continue
			}
			go join(conn, inside)
			go join(inside, conn)
		}
	})
	return nil
}

// shortest is path from here or from the root, since the system's names of sockets have no
// more than a hundred bytes.
func shortest(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	all, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if relative, err := filepath.Rel(here, all); err == nil && len(relative) < len(all) {
		return relative
	}
	return all
}

// join copies until either end is closed, and closes both.
func join(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
	from.Close()
}

// Broken is closed when the server could not write to its store, as on a full disk. It stores
// nothing more then, even when there is room again: it must be closed and started again.
func (s *Server) Broken() <-chan struct{} { return s.broken }

// Close stops the server; what is stored stays.
func (s *Server) Close() {
	if s.socket != nil {
		s.socket.Close()
	}
	if s.nats != nil {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
	}
	s.wait.Wait()
	s.release()
}

// Client connects in this process, with all rights.
func (s *Server) Client(ctx context.Context) (*Client, error) {
	return connect(ctx, Connection{inside: s})
}

// splitAddress reads "host:port".
func splitAddress(text string) (host string, port int, err error) {
	host, service, err := net.SplitHostPort(text)
	if err == nil {
		port, err = net.LookupPort("tcp", service)
	}
	if err != nil {
		return "", 0, fmt.Errorf("queue: address %q: want host:port, as in 0.0.0.0:4222: %w", text, err)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// token reads the secret of a role, and makes one where there is none.
func token(store, role string) (string, error) {
	path := filepath.Join(store, TokenFile(role))
	_, secret, err := readToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	secret = newSecret()
	if err := durable.WriteBytes(path, []byte(role+":"+secret+"\n")); err != nil {
		return "", err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return "", fmt.Errorf("queue: %w", err)
	}
	return secret, nil
}

// readToken reads a token file.
func readToken(path string) (role, secret string, err error) {
	content, err := durable.ReadRegular(path)
	if err != nil {
		return "", "", fmt.Errorf("queue: token: %w", err)
	}
	role, secret, ok := strings.Cut(strings.TrimSpace(string(content)), ":")
	if !ok || role == "" || secret == "" {
		return "", "", fmt.Errorf("queue: token file %q: want one line, as in %s:SECRET, which idarts grid serve wrote", path, WorkerRole)
	}
	return role, secret, nil
}

// hashed is a secret as the server keeps it. Secrets are long and random, so that the cheapest
// hash will do.
func hashed(secret string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
	if err != nil {
		return "", fmt.Errorf("queue: token: %w", err)
	}
	return string(hash), nil
}

func newSecret() string {
	var b [24]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// serverLog passes the remarks of the NATS server on.
type serverLog struct {
	log    Log
	breaks func()
}

func (l serverLog) Noticef(string, ...any) {}
func (l serverLog) Debugf(string, ...any)  {}
func (l serverLog) Tracef(string, ...any)  {}
func (l serverLog) Warnf(format string, args ...any) {
	l.say(format, args...)
}
func (l serverLog) Errorf(format string, args ...any) { l.say(format, args...) }
func (l serverLog) Fatalf(format string, args ...any) { l.say(format, args...) }

func (l serverLog) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if strings.Contains(text, "ritical write error") {
		l.breaks()
	}
	if l.log != nil {
		l.log("", "server: %s", text)
	}
}
