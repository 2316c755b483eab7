package cpu

import (
	"fmt"

	"idarts/internal/exec"
)

// check says what is wrong with an instruction, if anything: shapes, places and
// overlaps.
func check[T Float](in exec.Instr, mem *Memory[T]) error {
	if err := place(in.Out, mem); err != nil {
		return fmt.Errorf("%v: result: %w", in.Op, err)
	}
	shapes := make([]exec.Shape, len(in.Args))
	for i, a := range in.Args {
		if err := place(a, mem); err != nil {
			return fmt.Errorf("%v: argument %d: %w", in.Op, i, err)
		}
		shapes[i] = a.Shape
	}
	if err := exec.Check(in.Op, in.Attr, shapes, in.Out.Shape); err != nil {
		return err
	}
	for i, a := range in.Args {
		apart := a.Space != in.Out.Space || a.Offset+a.Shape.Len() <= in.Out.Offset || in.Out.Offset+in.Out.Shape.Len() <= a.Offset
		same := a.Offset == in.Out.Offset && a.Shape.Len() == in.Out.Shape.Len()
		if !apart && !(same && exec.InPlace(in.Op, in.Attr, i)) {
			return fmt.Errorf("%v: result overlaps argument %d, want separate memory", in.Op, i)
		}
	}
	return nil
}

// place says what is wrong with where a tensor lies.
func place[T Float](t exec.Tensor, mem *Memory[T]) error {
	if t.Space >= exec.NumSpaces {
		return fmt.Errorf("unknown space %v", t.Space)
	}
	for _, n := range t.Shape {
		if n < 1 {
			return fmt.Errorf("shape %v, want sizes from 1", t.Shape)
		}
	}
	if have := len(mem[t.Space]); t.Offset < 0 || t.Offset > have || t.Shape.Len() > have-t.Offset {
		return fmt.Errorf("elements %d to %d of space %v, which has %d", t.Offset, t.Offset+t.Shape.Len(), t.Space, have)
	}
	return nil
}
