package nb201

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"idarts/internal/durable"
)

// Fetch is how files are downloaded. Bytes go to NAME.part in Dir and are kept
// there when a transfer breaks off, in this process or a later one; the next one
// asks the server for the rest. A file gets its name when it is whole and has the
// hash that it must have.
type Fetch struct {
	Dir  string // where files are kept
	Base string // server, [PublicBase] if ""
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

// get makes the file be in Dir, if it is not there already.
func (d Fetch) get(ctx context.Context, f PublicFile) error {
	if _, err := f.read(d.Dir); err == nil {
		return nil
	}
	if d.Base == "" {
		d.Base = PublicBase
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

// try gets what is missing of the .part file, and names it if it is right.
func (d Fetch) try(ctx context.Context, f PublicFile) error {
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
	if err := f.check(f.URL(d.Base), content); err != nil {
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
func (d Fetch) rest(ctx context.Context, f PublicFile, part string) (resumed bool, err error) {
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
	restart := func() error {
		have, resumed = 0, false
		if err := file.Truncate(0); err != nil {
			return errFinal{err}
		}
		_, err := file.Seek(0, io.SeekStart)
		return err
	}
	if have > f.Size {
		if err := restart(); err != nil {
			return false, err
		}
	}
	resumed = have > 0
	if have == f.Size {
		return resumed, nil
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(d.Stall, func() { cancel(fmt.Errorf("no byte came for %v", d.Stall)) })
	defer watch.Stop()
	url := f.URL(d.Base)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return resumed, errFinal{err}
	}
	request.Header.Set("User-Agent", "idarts")
	request.Header.Set("Accept-Encoding", "identity") // the hash and the ranges are of the plain bytes
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	because := func(err error) error { // the reason of a stall, not "context canceled"
		if cause := context.Cause(ctx); cause != nil {
			return fmt.Errorf("get %s: %w", url, cause)
		}
		return err
	}
	response, err := d.Client.Do(request)
	if err != nil {
		return resumed, because(err)
	}
	defer response.Body.Close()

	switch response.StatusCode {
	case http.StatusPartialContent:
		if want := fmt.Sprintf("bytes %d-%d/%d", have, f.Size-1, f.Size); have == 0 || response.Header.Get("Content-Range") != want {
			if err := restart(); err != nil {
				return false, err
			}
			return false, fmt.Errorf("get %s: the server sends %.60q of the file, want %q", url, response.Header.Get("Content-Range"), want)
		}
	case http.StatusOK: // the whole of it, also where the rest was asked for
		if err := restart(); err != nil {
			return false, err
		}
		if n := response.ContentLength; n >= 0 && n != f.Size {
			return false, errFinal{fmt.Errorf("get %s: the server sends a file of %d bytes, want %d", url, n, f.Size)}
		}
	case http.StatusRequestedRangeNotSatisfiable:
		if err := restart(); err != nil {
			return false, err
		}
		return false, fmt.Errorf("get %s: status %s", url, response.Status)
	default:
		err := fmt.Errorf("get %s: status %s", url, response.Status)
		if s := response.StatusCode; s < 500 && s != http.StatusRequestTimeout && s != http.StatusTooManyRequests {
			return resumed, errFinal{err}
		}
		return resumed, err
	}

	buf := make([]byte, 64<<10)
	for {
		n, err := response.Body.Read(buf)
		watch.Reset(d.Stall)
		if have+int64(n) > f.Size {
			if err := restart(); err != nil {
				return false, err
			}
			return false, errFinal{fmt.Errorf("get %s: the server sends more than %d bytes", url, f.Size)}
		}
		if _, werr := file.Write(buf[:n]); werr != nil {
			return resumed, errFinal{werr}
		}
		have += int64(n)
		if d.Progress != nil {
			d.Progress(f.Name, have, f.Size)
		}
		if errors.Is(err, io.EOF) && have == f.Size {
			return resumed, nil
		}
		if err != nil {
			reason := strings.TrimPrefix(because(err).Error(), "get "+url+": ")
			return resumed, fmt.Errorf("get %s: the transfer broke off after %d of %d bytes: %s", url, have, f.Size, reason)
		}
	}
}
