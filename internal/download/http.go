package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"idarts/internal/durable"
)

// Fetch is how files are downloaded. Bytes go to NAME.part in Dir and are kept
// there when a transfer breaks off, in this process or a later one; the next one
// asks the server for the rest. A file gets its name when it is whole and has the
// hash that it must have.
type Fetch struct {
	Dir  string // where files are kept
	Base string // server, [GitHub] if ""
	// Client is http's; nil: a client that takes its proxy from the environment
	// (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
	Client *http.Client
	Tries  int           // for each file; 0 is 4
	Wait   time.Duration // before the second try, twice as long before each other; 0 is 1 s
	Stall  time.Duration // without a byte, after which a try is given up; 0 is 30 s
	// Progress, if not nil, is called as bytes of a file come.
	Progress func(name string, done, total int64)
}

// httpClient is for small files from far away.
func httpClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		ForceAttemptHTTP2:     true,
	}}
}

// errFinal marks an error that another try would not mend.
type errFinal struct{ error }

func (e errFinal) Unwrap() error { return e.error }

// Get makes the file be in Dir, if it is not there already.
func (d Fetch) Get(ctx context.Context, f File) error {
	if _, err := f.Read(d.Dir); err == nil {
		return nil
	}
	if d.Base == "" {
		d.Base = GitHub
	}
	if d.Client == nil {
		d.Client = httpClient()
	}
	if d.Tries == 0 {
		d.Tries = 4
	}
	if d.Wait == 0 {
		d.Wait = time.Second
	}
	if d.Stall == 0 {
		d.Stall = 30 * time.Second
	}
	if err := os.MkdirAll(d.Dir, 0o755); err != nil {
		return err
	}
	var err error
	for try := range d.Tries {
		if try > 0 {
			select {
			case <-time.After(d.Wait << (try - 1)):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err = d.try(ctx, f)
		var final errFinal
		if err == nil || errors.As(err, &final) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("%w (tried %d times)", err, d.Tries)
}

// All gets files that are not in d.Dir already, for a command that fetches them. The error says
// how to place the one that could not be had by hand.
func (d Fetch) All(ctx context.Context, command string, files []File) error {
	for _, f := range files {
		if err := d.Get(ctx, f); err != nil {
			return fmt.Errorf("fetch %s: %w; %s", f.Name, err, f.ByHand(d.Dir, command))
		}
	}
	return nil
}

// try gets what is missing of the .part file, and names it if it is right.
func (d Fetch) try(ctx context.Context, f File) error {
	path := filepath.Join(d.Dir, f.Name)
	part := path + ".part"
	resumed, err := d.rest(ctx, f, part)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(part)
	if err != nil {
		return errFinal{err}
	}
	if err := f.Check(f.URL(d.Base), content); err != nil {
		if err := os.Remove(part); err != nil {
			return errFinal{err}
		}
		if resumed { // the first bytes may be of something else
			return err
		}
		return errFinal{err}
	}
	if err := durable.WriteBytes(path, content); err != nil {
		return errFinal{err}
	}
	return os.Remove(part)
}

// rest appends the bytes that part lacks. resumed says that it had some before.
func (d Fetch) rest(ctx context.Context, f File, part string) (resumed bool, err error) {
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return false, errFinal{err}
	}
	defer func() {
		if cerr := file.Close(); err == nil && cerr != nil {
			err = errFinal{cerr}
		}
	}()
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return false, errFinal{err}
	}
	t := transfer{Fetch: d, of: f, url: f.URL(d.Base), part: file, have: have, resumed: have > 0}
	if have > f.Size {
		if err := t.restart(); err != nil {
			return false, err
		}
	}
	if t.have < f.Size {
		err = t.run(ctx)
	}
	return t.resumed, err
}

// transfer is one try to complete a file.
type transfer struct {
	Fetch
	of      File
	url     string
	part    *os.File
	have    int64 // bytes in part
	resumed bool  // the first of them came before this try
}

// restart drops what there is.
func (t *transfer) restart() error {
	t.have, t.resumed = 0, false
	if err := t.part.Truncate(0); err != nil {
		return errFinal{err}
	}
	_, err := t.part.Seek(0, io.SeekStart)
	return err
}

// run asks for what is missing and takes what comes, until it stalls.
func (t *transfer) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(t.Stall, func() { cancel(fmt.Errorf("no byte came for %v", t.Stall)) })
	defer watch.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return errFinal{err}
	}
	request.Header.Set("User-Agent", "idarts")
	request.Header.Set("Accept-Encoding", "identity") // the hash and the ranges are of the plain bytes
	if t.have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", t.have))
	}
	response, err := t.Client.Do(request)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil { // the reason of a stall, not "context canceled"
			return fmt.Errorf("get %s: %w", t.url, cause)
		}
		return err
	}
	defer response.Body.Close()
	if err := t.accept(response); err != nil {
		return err
	}
	return t.receive(ctx, response.Body, watch)
}

// accept decides whether an answer's body goes behind what there is.
func (t *transfer) accept(response *http.Response) error {
	status := fmt.Errorf("get %s: status %s", t.url, response.Status)
	switch s := response.StatusCode; s {
	case http.StatusPartialContent:
		got, want := response.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", t.have, t.of.Size-1, t.of.Size)
		if t.have > 0 && got == want {
			return nil
		}
		if err := t.restart(); err != nil {
			return err
		}
		return fmt.Errorf("get %s: the server sends %.60q of the file, want %q", t.url, got, want)
	case http.StatusOK: // the whole of it, also where the rest was asked for
		if err := t.restart(); err != nil {
			return err
		}
		if n := response.ContentLength; n >= 0 && n != t.of.Size {
			return errFinal{fmt.Errorf("get %s: the server sends a file of %d bytes, want %d", t.url, n, t.of.Size)}
		}
		return nil
	case http.StatusRequestedRangeNotSatisfiable:
		if err := t.restart(); err != nil {
			return err
		}
		return status
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return status
	default:
		if s < 500 {
			return errFinal{status}
		}
		return status
	}
}

// receive appends what comes; each byte sets watch back.
func (t *transfer) receive(ctx context.Context, body io.Reader, watch *time.Timer) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := body.Read(buf)
		watch.Reset(t.Stall)
		if t.have+int64(n) > t.of.Size {
			if err := t.restart(); err != nil {
				return err
			}
			return errFinal{fmt.Errorf("get %s: the server sends more than %d bytes", t.url, t.of.Size)}
		}
		if _, err := t.part.Write(buf[:n]); err != nil {
			return errFinal{err}
		}
		t.have += int64(n)
		if t.Progress != nil {
			t.Progress(t.of.Name, t.have, t.of.Size)
		}
		if errors.Is(err, io.EOF) && t.have == t.of.Size {
			return nil
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return fmt.Errorf("get %s: the transfer broke off after %d of %d bytes: %s", t.url, t.have, t.of.Size, err)
		}
	}
}
