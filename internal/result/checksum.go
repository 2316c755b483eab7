package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"idarts/internal/durable"
	"idarts/internal/plainjson"
)

// ErrDamaged is wrapped by errors of files that are not what the program wrote.
var ErrDamaged = errors.New("is damaged")

// checksumKey is where a record has its checksum, behind all else.
const checksumKey = "sha256"

// WriteJSON writes v, whose JSON is an object, to path, indented and with its
// checksum, whole or not at all.
func WriteJSON(path string, v any) error {
	sum, err := Digest(v)
	if err != nil {
		return err
	}
	content, err := withChecksum(v, sum)
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, content, "", "  "); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	indented.WriteByte('\n')
	return durable.WriteBytes(path, indented.Bytes())
}

// withChecksum is the JSON of v, an object, with a checksum at its end.
func withChecksum(v any, sum string) ([]byte, error) {
	content, err := marshal(v)
	if err != nil {
		return nil, err
	}
	content = bytes.TrimSuffix(content, []byte("}"))
	if len(content) > 1 {
		content = append(content, ',')
	}
	return fmt.Appendf(content, "%q:%q}", checksumKey, sum), nil
}

// marshal is json.Marshal that leaves < and > as they are, for people.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ReadJSON reads a record into v. A file that is not there gives an error wrapping
// [fs.ErrNotExist]; one that does not parse, or has another checksum than it says, an
// error that wraps [ErrDamaged] and names it. One without a checksum is read.
func ReadJSON(path string, v any) error {
	_, err := readJSON(path, v)
	return err
}

// readJSON is [ReadJSON], and says whether there was a checksum.
func readJSON(path string, v any) (summed bool, err error) {
	content, err := durable.ReadRegular(path)
	if err != nil {
		return false, err
	}
	rest, sum, err := withoutChecksum(content)
	if err == nil && sum != "" {
		err = check(json.RawMessage(rest), sum)
	}
	if err == nil {
		err = plainjson.Unmarshal(rest, v)
	}
	if err != nil {
		return false, fmt.Errorf("result: %q %w: %w", path, ErrDamaged, err)
	}
	return sum != "", nil
}

// withoutChecksum takes a record apart.
func withoutChecksum(content []byte) (rest []byte, sum string, err error) {
	if bytes.HasPrefix(content, []byte{0xef, 0xbb, 0xbf}) {
		return nil, "", errors.New("it begins with a byte-order mark, which JSON must not")
	}
	var object map[string]json.RawMessage
	if err := plainjson.Unmarshal(content, &object); err != nil {
		return nil, "", err
	}
	text, ok := object[checksumKey]
	if !ok {
		return content, "", nil
	}
	if err := json.Unmarshal(text, &sum); err != nil || sum == "" {
		return nil, "", fmt.Errorf("its checksum is %s", text)
	}
	delete(object, checksumKey)
	rest, err = json.Marshal(object)
	return rest, sum, err
}

// check compares the digest of v with what it should be.
func check(v any, sum string) error {
	got, err := Digest(v)
	if err == nil && got != sum {
		err = fmt.Errorf("its checksum is %.8s..., not the %.8s... that it says", got, sum)
	}
	return err
}

// chained is what the checksum of an event covers.
type chained struct {
	Before string          `json:"before"` // the checksum of the event before, the run's identity before the first
	Event  json.RawMessage `json:"event"`
}

// eventsOf are the lines of events.jsonl of the run with this identity, and the
// checksum of the last one; without events it is the identity.
func eventsOf(run string, events []Event) (lines []byte, sum string, err error) {
	sum = run
	for _, e := range events {
		text, err := marshal(e)
		if err != nil {
			return nil, "", err
		}
		if sum, err = Digest(chained{sum, text}); err != nil {
			return nil, "", err
		}
		line, err := withChecksum(json.RawMessage(text), sum)
		if err != nil {
			return nil, "", err
		}
		lines = append(append(lines, line...), '\n')
	}
	return lines, sum, nil
}

// readLines reads what eventsOf wrote; sum is "" where the lines have no checksums,
// which they must have where run is not "".
func readLines(all []byte, run string) (events []Event, sum string, err error) {
	if len(all) > 0 && all[len(all)-1] != '\n' {
		return nil, "", errors.New("its last line is cut")
	}
	sum = run
	for line := range bytes.Lines(all) {
		var e Event
		rest, said, err := withoutChecksum(line)
		if err == nil && run != "" {
			if said == "" {
				err = errors.New("it has no checksum")
			} else {
				err = check(chained{sum, rest}, said)
			}
		}
		if err == nil {
			err = plainjson.Unmarshal(rest, &e)
		}
		if err != nil {
			return nil, "", fmt.Errorf("line %d: %w", len(events)+1, err)
		}
		events, sum = append(events, e), said
	}
	return events, sum, nil
}
