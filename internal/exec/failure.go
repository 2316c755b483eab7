package exec

// Failure is what a device panics with when it stops working in the middle of a run: a
// card is lost, its memory is full. Device's methods return no errors, because hardly
// any caller could do more than stop; who starts a run turns it into one with
// [Recover].
type Failure struct{ Err error }

func (f Failure) Error() string { return f.Err.Error() }

// Recover turns a [Failure] into an error, deferred: defer exec.Recover(&err). Other
// panics go on.
func Recover(err *error) {
	switch r := recover().(type) {
	case nil:
	case Failure:
		*err = r.Err
	default:
		panic(r)
	}
}
