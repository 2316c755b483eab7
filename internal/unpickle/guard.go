// Package unpickle runs Python pickles that nobody vouches for. An allow-list says
// which classes there are, nothing else of Python exists, and memory has a bound.
//
// The instructions are carried out by gopickle. Before that, a guard walks over them
// with the kinds of values alone on its stack. It admits the instructions of
// protocols 2 to 5 that records of benchmarks and numpy's arrays are made of, and
// sees to it that
//
//   - every length lies inside the file, since gopickle allocates what a length asks
//     for, and memory stays below the bound: an instruction of one byte can cost 400;
//   - only classes are called, OrderedDict with no arguments, and only objects of
//     allowed classes take a state. gopickle's errors about such misuse print the
//     values, which may hold one long text a million times.
//
// Start at [Load]. Classes on an allow-list must not allocate more than the texts
// and bytes among their arguments, and must not print these in errors.
package unpickle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/nlpodyssey/gopickle/pickle"
)

// Load decodes content, which may use as much memory as it says, in bytes. find is
// the allow-list: it makes a class of its module and name, or an error. The result
// has gopickle's types and those that find's classes make.
//
// Of gopickle's own classes collections.OrderedDict is admitted.
func Load(content []byte, memory int, find func(module, name string) (any, error)) (v any, err error) {
	if _, err := Walk(content, memory, nil); err != nil {
		return nil, err
	}
	// gopickle indexes and asserts types without looking.
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, fmt.Errorf("damaged pickle: %v", p)
		}
	}()
	u := pickle.NewUnpickler(bytes.NewReader(content))
	u.FindClass = find
	if v, err = u.Load(); err != nil {
		return nil, fmt.Errorf("damaged pickle: %w", err)
	}
	return v, nil
}

// Walk checks content as [Load] does and runs nothing. each, if not nil, gets where
// every instruction is. used is an upper estimate of the memory that it takes.
func Walk(content []byte, memory int, each func(from, to int)) (used int, err error) {
	g := guard{content: content, memo: map[int]guarded{}, memory: memory, room: memory}
	for !g.stopped {
		from := g.at
		if err := g.step(); err != nil {
			return 0, fmt.Errorf("damaged pickle: %w", err)
		}
		if each != nil {
			each(from, g.at)
		}
	}
	return memory - g.room, nil
}

const maxName = 100 // characters of a class's module or name

// guarded is what the guard knows of a value.
type guarded struct {
	kind     uint8
	from, to int // of a text or bytes: where they are in the file; of a tuple, to is the length of those in it
}

// size is how long the texts and bytes in it are.
func (v guarded) size() int { return v.to - v.from }

const (
	isOther   = iota
	isText    // str, and str of Python 2
	isTuple   // of some values
	isEmpty   // tuple of none
	isClass   // of the allow-list
	isOrdered // the class OrderedDict, which gopickle has
	isObject  // what a class of the allow-list made
)

type guard struct {
	content []byte
	at      int
	stack   []guarded
	marks   []int // where the part of the stack behind each mark begins
	memo    map[int]guarded
	memory  int // that it may use
	room    int // what is left of it
	stopped bool
}

// Instructions by their codes in Python's pickletools.
const (
	opMark, opStop, opReduce, opBuild, opGlobal               = '(', '.', 'R', 'b', 'c'
	opNone, opTrue, opFalse                                   = 'N', 0x88, 0x89
	opInt1, opInt2, opInt4, opFloat, opLong1                  = 'K', 'M', 'J', 'G', 0x8a
	opShortText, opText, opShortBytes, opBytes, opByteArray   = 0x8c, 'X', 'C', 'B', 0x96
	opShortOld, opOld                                         = 'U', 'T' // str of Python 2
	opEmptyTuple, opTuple, opTuple1, opTuple2, opTuple3       = ')', 't', 0x85, 0x86, 0x87
	opEmptyDict, opSetItem, opSetItems, opEmptySet, opAddItem = '}', 's', 'u', 0x8f, 0x90
	opEmptyList, opAppend, opAppends                          = ']', 'a', 'e'
	opGet1, opGet4, opPut1, opPut4, opMemoize                 = 'h', 'j', 'q', 'r', 0x94
	opProto, opFrame, opStackGlobal, opNewObject              = 0x80, 0x95, 0x93, 0x81
)

// What gopickle needs, in bytes, at most; its slices grow by doubling.
const (
	costPush  = 48  // a value on its stack and on the guard's
	costMark  = 320 // a new stack of 16
	costEmpty = 420 // the largest empty container, an OrderedDict
	costItem  = 200 // an entry of one
	costMemo  = 100 // an entry of both memos
)

var (
	errInside = errors.New("it ends inside an instruction")
	errEmpty  = errors.New("its stack is empty")
	errMark   = errors.New("a mark is missing")
)

func (g *guard) step() error {
	if g.at >= len(g.content) {
		return errors.New("it does not end with a stop")
	}
	op := g.content[g.at]
	place := g.at
	g.at++
	switch op {
	case opStop:
		g.stopped = true
		_, err := g.pop()
		return err
	case opProto:
		return g.skip(1)
	case opFrame:
		return g.frame()
	case opMark:
		g.marks = append(g.marks, len(g.stack))
		return g.spend(costMark)
	case opNone, opTrue, opFalse:
		return g.push(guarded{}, 0)
	case opInt1:
		return g.number(1)
	case opInt2:
		return g.number(2)
	case opInt4:
		return g.number(4)
	case opFloat:
		return g.number(8)
	case opLong1:
		from, to, err := g.sized(1)
		if err == nil && to == from {
			err = errors.New("a number of 0 bytes")
		}
		return firstOf(err, g.push(guarded{}, 2*(to-from)))
	case opShortText, opShortOld:
		return g.text(1, isText)
	case opText, opOld:
		return g.text(4, isText)
	case opShortBytes:
		return g.text(1, isOther)
	case opBytes:
		return g.text(4, isOther)
	case opByteArray:
		return g.text(8, isOther)
	case opEmptyTuple:
		return g.push(guarded{kind: isEmpty}, costEmpty)
	case opEmptyDict, opEmptySet, opEmptyList:
		return g.push(guarded{}, costEmpty)
	case opTuple:
		if len(g.marks) == 0 {
			return errMark
		}
		err := g.tuple(len(g.stack) - g.base())
		g.marks = g.marks[:len(g.marks)-1] // the tuple lies on the stack below
		return err
	case opTuple1, opTuple2, opTuple3:
		return g.tuple(int(op-opTuple1) + 1)
	case opAppend:
		return firstOf(g.drop(1), g.refill(costItem))
	case opSetItem:
		return firstOf(g.drop(2), g.refill(costItem))
	case opAppends, opSetItems, opAddItem:
		n, err := g.popMark()
		if err != nil {
			return err
		}
		return g.refill(n * costItem)
	case opGet1, opGet4:
		i, err := g.argument(map[byte]int{opGet1: 1, opGet4: 4}[op])
		if err != nil {
			return err
		}
		return g.push(g.memo[i], 0) // nothing where there is nothing, as in gopickle
	case opPut1, opPut4:
		i, err := g.argument(map[byte]int{opPut1: 1, opPut4: 4}[op])
		if err != nil {
			return err
		}
		return g.remember(i)
	case opMemoize:
		return g.remember(len(g.memo))
	case opGlobal:
		return g.global()
	case opStackGlobal:
		name, err := g.pop()
		module, err2 := g.pop()
		if err := firstOf(err, err2); err != nil {
			return err
		}
		if name.kind != isText || module.kind != isText {
			return errors.New("a class whose name is no text")
		}
		return g.class(g.content[module.from:module.to], g.content[name.from:name.to])
	case opReduce, opNewObject:
		return g.call(op)
	case opBuild:
		state, err := g.pop()
		object, err2 := g.pop()
		if err := firstOf(err, err2); err != nil {
			return err
		}
		if object.kind != isObject {
			return errors.New("a state for what is no object of a class on the list")
		}
		return g.push(object, costItem+state.size())
	}
	return fmt.Errorf("instruction %#x at byte %d is not one of those that are run here", op, place)
}

// spend takes bytes from what is left.
func (g *guard) spend(n int) error {
	if g.room -= n; g.room < 0 {
		return fmt.Errorf("it needs more than %d bytes of memory", g.memory)
	}
	return nil
}

func (g *guard) push(v guarded, cost int) error {
	g.stack = append(g.stack, v)
	return g.spend(costPush + cost)
}

// base is where the part of the stack that instructions may touch begins.
func (g *guard) base() int {
	if len(g.marks) == 0 {
		return 0
	}
	return g.marks[len(g.marks)-1]
}

func (g *guard) pop() (guarded, error) {
	if len(g.stack) <= g.base() {
		return guarded{}, errEmpty
	}
	v := g.stack[len(g.stack)-1]
	g.stack = g.stack[:len(g.stack)-1]
	return v, nil
}

// drop takes n values off.
func (g *guard) drop(n int) error {
	if len(g.stack)-n < g.base() {
		return errEmpty
	}
	g.stack = g.stack[:len(g.stack)-n]
	return nil
}

// popMark takes off what is behind the last mark and says how many values that is.
func (g *guard) popMark() (n int, err error) {
	if len(g.marks) == 0 {
		return 0, errMark
	}
	n = len(g.stack) - g.base()
	g.stack = g.stack[:g.base()]
	g.marks = g.marks[:len(g.marks)-1]
	return n, nil
}

// refill is a container on top of the stack that takes entries.
func (g *guard) refill(cost int) error {
	if len(g.stack) <= g.base() {
		return errEmpty
	}
	return g.spend(cost)
}

// tuple puts one in the place of n values.
func (g *guard) tuple(n int) error {
	v := guarded{kind: isTuple}
	if n == 0 {
		v.kind = isEmpty
	}
	if len(g.stack)-n < g.base() {
		return errEmpty
	}
	for _, part := range g.stack[len(g.stack)-n:] {
		v.to = min(v.to+part.size(), math.MaxInt32)
	}
	g.stack = g.stack[:len(g.stack)-n]
	return g.push(v, costEmpty+16*n)
}

func (g *guard) remember(i int) error {
	if len(g.stack) <= g.base() {
		return errEmpty
	}
	g.memo[i] = g.stack[len(g.stack)-1]
	return g.spend(costMemo)
}

// skip passes over n bytes.
func (g *guard) skip(n int) error {
	if n > len(g.content)-g.at {
		return errInside
	}
	g.at += n
	return nil
}

// argument reads a number of so many bytes that follows an instruction.
func (g *guard) argument(width int) (int, error) {
	from := g.at
	if err := g.skip(width); err != nil {
		return 0, err
	}
	var b [8]byte
	copy(b[:], g.content[from:g.at])
	n := binary.LittleEndian.Uint64(b[:])
	if n > math.MaxInt64 {
		return 0, errInside
	}
	return int(n), nil
}

func (g *guard) number(width int) error {
	return firstOf(g.skip(width), g.push(guarded{}, 32))
}

// sized reads a length of so many bytes, and passes over what has it.
func (g *guard) sized(width int) (from, to int, err error) {
	n, err := g.argument(width)
	if err != nil {
		return 0, 0, err
	}
	from = g.at
	if n > len(g.content) {
		return 0, 0, errInside
	}
	return from, from + n, g.skip(n)
}

// text is a string or bytes; gopickle copies a string once more.
func (g *guard) text(width int, kind uint8) error {
	from, to, err := g.sized(width)
	if err != nil {
		return err
	}
	return g.push(guarded{kind, from, to}, 2*(to-from)+64)
}

// frame announces that so many bytes come in one piece, which gopickle copies.
func (g *guard) frame() error {
	n, err := g.argument(8)
	if err != nil {
		return err
	}
	if left := len(g.content) - g.at; n > left {
		return fmt.Errorf("a frame of %d bytes, want at most %d", n, left)
	}
	return g.spend(n)
}

// global is a class named by two lines.
func (g *guard) global() error {
	var lines [2][]byte
	for i := range lines {
		end := bytes.IndexByte(g.content[g.at:], '\n')
		if end < 0 {
			return errors.New("it ends inside a class name")
		}
		lines[i] = g.content[g.at : g.at+end]
		g.at += end + 1
	}
	return g.class(lines[0], lines[1])
}

// builtin are classes that gopickle makes without asking an allow-list.
var builtin = []string{"__builtin__.object", "copy_reg._reconstructor"}

func (g *guard) class(module, name []byte) error {
	if len(module) > maxName || len(name) > maxName {
		return fmt.Errorf("a class name of %d and %d characters, want at most %d", len(module), len(name), maxName)
	}
	switch whole := string(module) + "." + string(name); {
	case whole == "collections.OrderedDict":
		return g.push(guarded{kind: isOrdered}, 0)
	case slices.Contains(builtin, whole):
		return fmt.Errorf("class %q is not allowed", whole)
	}
	return g.push(guarded{kind: isClass}, 0)
}

// call makes an object: class and arguments are on the stack.
func (g *guard) call(op byte) error {
	args, err := g.pop()
	class, err2 := g.pop()
	switch {
	case err != nil || err2 != nil:
		return firstOf(err, err2)
	case args.kind != isTuple && args.kind != isEmpty:
		return errors.New("a call without a tuple of arguments")
	case class.kind == isOrdered && op == opReduce && args.kind == isEmpty:
		return g.push(guarded{}, costEmpty)
	case class.kind == isClass:
		return g.push(guarded{kind: isObject}, costEmpty+args.size())
	}
	return errors.New("a call of what is no class, or of an OrderedDict with arguments")
}

// firstOf is the first error, if there is one.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
