package work

import (
	"context"
	"errors"
	"time"

	"idarts/internal/durable"
)

// Pauses between two looks at what others hold: each is twice the one before, up to
// the last.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = time.Second
)

func longer(pause time.Duration) time.Duration { return min(2*pause, lastPause) }

// sleep ends after d, or when ctx does.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// Await takes the claim path as soon as nobody holds it. When ctx ends before, the
// error is ctx's.
func Await(ctx context.Context, path string) (release func(), err error) {
	for pause := firstPause; ; pause = longer(pause) {
		release, err = durable.Claim(path)
		if !errors.Is(err, durable.ErrLocked) {
			return release, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		sleep(ctx, pause)
	}
}
