package queue

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxMessage is how large one message may be. What is larger goes in pieces.
const maxMessage = 4 << 20

// Connection says where a server is and how to reach it.
type Connection struct {
	// To is nats://HOST:PORT, tls://HOST:PORT, or the store of a server on this machine.
	To    string
	Token string // file; "": that of Role in the store, or none where To is a server of others
	Role  string
	CA    string // file of certificates that sign the server's; "": the system's
	Name  string // of the client, for the server's remarks
	Log   Log

	inside *Server
}

// Client is a connection to a queue.
type Client struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	entries  jetstream.KeyValue
	workers  jetstream.KeyValue
	facts    jetstream.KeyValue
	about    jetstream.KeyValue
	batches  jetstream.ObjectStore
	files    jetstream.ObjectStore
	points   jetstream.ObjectStore
	settings Settings
	log      Log
}

// logger is Log, or one that says nothing.
func (c Connection) logger() Log {
	if c.Log == nil {
		return func(string, string, ...any) {}
	}
	return c.Log
}

// patience is how long an answer of the server is waited for. Tests have less.
var patience = 10 * time.Second

// Connect connects to a queue that a keeper has made.
func Connect(ctx context.Context, c Connection) (*Client, error) {
	client, err := connect(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := client.open(ctx); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// Reach connects to a server that may have no queue yet, for [Keeper.Keep].
func Reach(ctx context.Context, c Connection) (*Client, error) { return connect(ctx, c) }

// Await is Connect for those who may be there before the server is, or while it starts again:
// it waits until one with a queue answers or ctx ends, and says so. What waiting cannot mend,
// as a wrong token, is an error at once.
func Await(ctx context.Context, c Connection) (*Client, error) {
	var told time.Time
	for {
		client, err := Connect(ctx, c)
		var passing *absence
		if !errors.As(err, &passing) || ctx.Err() != nil {
			return client, err
		}
		if time.Since(told) > time.Minute {
			told = time.Now()
			c.logger()("", "%s; waiting for it", oneLine(err))
		}
		pause(ctx, time.Second)
	}
}

// absence is an error of connecting that may pass: no server, one that cuts connections because
// it stops or starts (a balancer before it does so too), or one without a queue yet.
type absence struct{ error }

func (a *absence) Unwrap() error { return a.error }

// lasting says whether an error of connecting is one that waiting does not mend.
func lasting(err error) bool {
	var (
		address     *url.Error
		certificate *tls.CertificateVerificationError
		plain       tls.RecordHeaderError
	)
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrSecureConnRequired) ||
		errors.Is(err, nats.ErrSecureConnWanted) || errors.As(err, &address) || errors.As(err, &certificate) || errors.As(err, &plain)
}

// connect connects and opens nothing yet. The first connection is not retried and nothing is
// buffered, so that errors of users are told at once; a server that is away later is waited for.
func connect(ctx context.Context, c Connection) (*Client, error) {
	client := &Client{log: c.logger()}
	options, to, err := c.options(client)
	if err != nil {
		return nil, err
	}
	if client.nc, err = nats.Connect(to, options...); err != nil {
		err = fmt.Errorf("queue: connect to %q: %w%s", c.To, err, hint(err))
		if !lasting(err) {
			err = &absence{err}
		}
		return nil, err
	}
	if client.js, err = jetstream.New(client.nc, jetstream.WithDefaultTimeout(patience)); err != nil {
		client.Close()
		return nil, fmt.Errorf("queue: connect to %q: %w", c.To, err)
	}
	return client, nil
}

// hint adds to an error of connecting what may be done about it.
func hint(err error) string {
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return "; the token is not that of this server"
	case !lasting(err):
		return "; is idarts grid serve running there, with --listen?"
	}
	return ""
}

func (c Connection) options(client *Client) (options []nats.Option, to string, err error) {
	options = []nats.Option{
		nats.Name(c.Name), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond), nats.ReconnectBufSize(-1),
		nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(3), nats.Timeout(patience),
		// A server that starts again has the same tokens, so a refusal then is none for ever.
		nats.IgnoreAuthErrorAbort(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { client.log("", "connection: %v", err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				client.log("", "the connection to the server is lost: %v", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { client.log("", "connected to the server again") }),
	}
	if c.inside != nil {
		return append(options, nats.InProcessServer(c.inside.nats), nats.UserInfo(keeperRole, c.inside.secret)), "", nil
	}
	tokenFile := c.Token
	if !strings.Contains(c.To, "://") {
		socket := filepath.Join(c.To, SocketFile)
		if _, err := os.Stat(socket); err != nil {
			return nil, "", fmt.Errorf("queue: no server on the store %q: want the folder of a running idarts grid serve, or nats://HOST:PORT: %w", c.To, err)
		}
		options = append(options, nats.SetCustomDialer(socketDialer(socket)))
		to = "nats://socket:1" // a name that nobody looks up
		if tokenFile == "" {
			tokenFile = filepath.Join(c.To, TokenFile(c.Role))
		}
	} else {
		to = c.To
	}
	if tokenFile != "" {
		role, secret, err := readToken(tokenFile)
		if err != nil {
			return nil, "", err
		}
		if c.Role == SubmitRole && role == WorkerRole {
			return nil, "", fmt.Errorf("queue: token file %q is of a %s, want that of role %q", tokenFile, role, SubmitRole)
		}
		options = append(options, nats.UserInfo(role, secret))
	}
	if c.CA != "" {
		certificates, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, "", fmt.Errorf("queue: certificates: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(certificates) {
			return nil, "", fmt.Errorf("queue: %q has no certificate in PEM form", c.CA)
		}
		options = append(options, nats.Secure(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}))
	}
	return options, to, nil
}

// socketDialer reaches a server by its socket, whatever address is asked for.
type socketDialer string

func (d socketDialer) Dial(string, string) (net.Conn, error) {
	return net.DialTimeout("unix", shortest(string(d)), patience)
}

// Close ends the connection.
func (c *Client) Close() { c.nc.Close() }

// Settings of the queue.
func (c *Client) Settings() Settings { return c.settings }

// open finds what a keeper has made.
func (c *Client) open(ctx context.Context) error {
	err := errors.Join(
		bucket(ctx, c, entriesStore, &c.entries), bucket(ctx, c, workersStore, &c.workers), bucket(ctx, c, factsStore, &c.facts), bucket(ctx, c, aboutStore, &c.about),
		object(ctx, c, batchStore, &c.batches), object(ctx, c, filesStore, &c.files), object(ctx, c, pointsStore, &c.points),
	)
	if err != nil {
		return &absence{fmt.Errorf("queue: the server has no queue of idarts (has idarts grid serve been started?): %w", err)}
	}
	entry, err := c.about.Get(ctx, settingsKey)
	if err != nil { // they are the last that a keeper writes
		return &absence{fmt.Errorf("queue: settings of the queue: %w", err)}
	}
	if err := json.Unmarshal(entry.Value(), &c.settings); err != nil {
		return fmt.Errorf("queue: settings of the queue: %w", err)
	}
	return c.settings.check()
}

func bucket(ctx context.Context, c *Client, name string, to *jetstream.KeyValue) (err error) {
	*to, err = c.js.KeyValue(ctx, name)
	return err
}

func object(ctx context.Context, c *Client, name string, to *jetstream.ObjectStore) (err error) {
	*to, err = c.js.ObjectStore(ctx, name)
	return err
}

// create makes what is not there. Two keepers that start at once make the same.
func (c *Client) create(ctx context.Context, s Settings) error {
	if err := s.check(); err != nil {
		return err
	}
	queue, err := c.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: stream, Subjects: []string{subjects + ".*.*"}, Storage: jetstream.FileStorage,
		// One message for a unit at a time, and none more of one that is being done.
		Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true, MaxMsgsPerSubject: 1,
	})
	if err != nil {
		return fmt.Errorf("queue: create the queue: %w", err)
	}
	for _, class := range []string{CPU, GPU} {
		_, err := queue.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
			Durable: class, FilterSubject: subjects + "." + class + ".*",
			// Tries are counted in the entries: the server's count starts again when it is killed.
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: s.Lost, MaxDeliver: -1, MaxAckPending: 100_000,
		})
		if err != nil {
			return fmt.Errorf("queue: create the queue: %w", err)
		}
	}
	for _, name := range []string{entriesStore, workersStore, factsStore, aboutStore} {
		if _, err := c.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: name, History: 1, Storage: jetstream.FileStorage}); err != nil {
			return fmt.Errorf("queue: create the store %q: %w", name, err)
		}
	}
	for _, name := range []string{batchStore, filesStore, pointsStore} {
		if _, err := c.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: name, Storage: jetstream.FileStorage}); err != nil {
			return fmt.Errorf("queue: create the store %q: %w", name, err)
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	about, err := c.js.KeyValue(ctx, aboutStore)
	if err == nil {
		_, err = about.Put(ctx, settingsKey, text)
	}
	if err != nil {
		return fmt.Errorf("queue: settings of the queue: %w", err)
	}
	return c.open(ctx)
}

// replace writes an entry where the one with this revision still is, 0 where none is, and
// gives its own. Where another has written meanwhile the error is [ErrTaken]. An answer that
// was lost is asked for again, and one's own writing found.
func (c *Client) replace(ctx context.Context, id string, e Entry, revision uint64) (uint64, error) {
	return swap(ctx, c.entries, id, e, revision, func(text []byte) bool { return readEntry(text).mine(e) })
}

// put writes a value where the one with this revision still is, or where none is: 0.
func put(ctx context.Context, kv jetstream.KeyValue, key string, text []byte, revision uint64) (uint64, error) {
	if revision == 0 {
		return kv.Create(ctx, key, text)
	}
	return kv.Update(ctx, key, text, revision)
}

// swap is put for what others may have written meanwhile, which is [ErrTaken] unless it is
// mine: then the answer to an earlier writing was lost, and nobody else has written.
func swap(ctx context.Context, kv jetstream.KeyValue, key string, now any, revision uint64, mine func(text []byte) bool) (uint64, error) {
	text, err := json.Marshal(now)
	if err != nil {
		return 0, fmt.Errorf("queue: %w", err)
	}
	got, err := put(ctx, kv, key, text, revision)
	if err == nil || !isConflict(err) {
		return got, err
	}
	entry, err := kv.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	switch {
	case entry.Revision() == revision:
		return 0, fmt.Errorf("queue: %s in %s: refused at its own revision %d", key, kv.Bucket(), revision)
	case mine(entry.Value()):
		return swap(ctx, kv, key, now, entry.Revision(), mine)
	}
	return 0, ErrTaken
}

// isConflict says whether an error is for a revision that is not the last.
func isConflict(err error) bool {
	if errors.Is(err, jetstream.ErrKeyExists) {
		return true
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// readEntry reads what a store has. What cannot be read is of nobody of ours, and its unit is
// queued: whoever had it finds it taken, and whoever gets it next does it. Else it would come
// again and again, in the way of all others.
func readEntry(text []byte) (e Entry) {
	if json.Unmarshal(text, &e) != nil {
		return Entry{State: Queued}
	}
	return e
}

// entry reads one, with its revision and when the server wrote it; none has revision 0.
func (c *Client) entry(ctx context.Context, id string) (e Entry, revision uint64, written time.Time, err error) {
	kv, err := c.entries.Get(ctx, id)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Entry{State: Queued}, 0, time.Time{}, nil
	}
	if err != nil {
		return e, 0, time.Time{}, err
	}
	return readEntry(kv.Value()), kv.Revision(), kv.Created(), nil
}

// permissions are the subjects that a role may send to. No role but the keeper's may make,
// change, empty or delete a store or the queue.
var permissions = map[string][]string{
	WorkerRole: {
		"$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>",
		"$JS.API.CONSUMER.INFO.units.*", "$JS.API.CONSUMER.MSG.NEXT.units.*", "$JS.ACK.units.>",
		"$KV." + entriesStore + ".*", "$KV." + workersStore + ".*", "$KV." + factsStore + ".*",
		"$O." + filesStore + ".>", "$O." + pointsStore + ".>",
		"$JS.API.STREAM.PURGE.OBJ_" + pointsStore, "$JS.API.STREAM.PURGE.OBJ_" + filesStore, // of pieces that are replaced
		"$JS.API.CONSUMER.CREATE.OBJ_" + pointsStore + ".>", "$JS.API.CONSUMER.DELETE.OBJ_" + pointsStore + ".>", // to read one
		statusSubject,
	},
	SubmitRole: {
		"$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>",
		"$O." + batchStore + ".>", "$JS.API.STREAM.PURGE.OBJ_" + batchStore,
		submitSubject, statusSubject,
	},
}
