package main

import (
	"context"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/term"

	"idarts/reports"
)

// console is where a command reads its interrupt from and writes to, and what was
// asked of it.
type console struct {
	ctx                  context.Context
	out, err             io.Writer
	outScreen, errScreen screen
	columns              int             // what COLUMNS says, 0 where it says nothing
	given                map[string]bool // flags by name
}

// output writes a command's output and keeps the first error: commands print without
// looking, and [execute] asks once at the end.
type output struct {
	to  io.Writer
	err error
}

func (o *output) Write(p []byte) (n int, err error) {
	if o.err == nil {
		n, o.err = o.to.Write(p)
	}
	return n, o.err
}

// asciiWriter writes what [reports.ASCII] makes of a text. No letter may be parted over
// two writes.
type asciiWriter struct{ to io.Writer }

func (a asciiWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(a.to, reports.ASCII(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// screen is what is known of where a stream ends. The zero value is a file or a pipe.
type screen struct {
	terminal bool
	ascii    bool       // a terminal that shows no UTF-8
	width    func() int // columns, now; nil for none
}

// screenOf asks the system about a stream, and the environment about its letters.
func screenOf(f *os.File, getenv func(string) string) screen {
	if !term.IsTerminal(int(f.Fd())) {
		return screen{}
	}
	return screen{terminal: true, ascii: !utf8Locale(runtime.GOOS, getenv), width: func() int {
		columns, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 80
		}
		return columns
	}}
}

// utf8Locale says whether the environment's locale has UTF-8: the first of LC_ALL,
// LC_CTYPE and LANG that is set decides, and none is POSIX's plain one. The console of
// Windows needs no locale to show all letters.
func utf8Locale(goos string, getenv func(string) string) bool {
	if goos == "windows" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := getenv(name); locale != "" {
			locale = strings.ToLower(locale)
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return false
}

// page is the room that tables are printed in: as wide as COLUMNS says, or the
// terminal is.
func (c console) page() reports.Page {
	p := reports.Page{Width: c.columns, ASCII: c.outScreen.ascii}
	if p.Width == 0 && c.outScreen.width != nil {
		p.Width = c.outScreen.width()
	}
	return p
}

// columnsOf reads COLUMNS; what is no number of columns counts as not set.
func columnsOf(getenv func(string) string) int {
	n, err := strconv.Atoi(getenv("COLUMNS"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
