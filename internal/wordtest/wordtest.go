// Package wordtest holds error messages against the rule that no user is to read
// the names of Go's types and packages.
package wordtest

import (
	"regexp"
	"testing"
)

// goNames are names of types and packages as Go's own errors write them.
var goNames = regexp.MustCompile(`\b(u?int(8|16|32|64)?|float(32|64)|bool|struct|interface)\b|\b(json|csv): |\b(strconv|reflect|types|nb1b1|dartsspace|plainjson|unpickle)\.\w|\bnb201\.(dict|frame|array|class)\b|\bmain\.[A-Z]|\bmap\[|\[\]|\*[a-z]\w*\.|%!`)

// Check fails where err is nil or its message holds a name of Go's.
func Check(t testing.TB, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	if name := goNames.FindString(err.Error()); name != "" {
		t.Errorf("%s: the message has %q: %v", what, name, err)
	}
}
