// Package doctor measures what a device does: its driver, its kernels against float64,
// the phases of a search on supernets of the published sizes, and what these make of
// the published searches in hours. All of it can be written as JSON; names there have
// their units at the end.
package doctor

import (
	"fmt"
	"math"

	"idarts/internal/exec"
	"idarts/internal/graph/conformance"
)

// Device is who computes.
type Device struct {
	Name    string `json:"name"` // with its driver
	Class   string `json:"class"`
	Bits    int    `json:"bits"`
	Workers int    `json:"workers"`
	Card    *Card  `json:"card"` // null: it is the processor
}

// Card is what a card and its driver do at best, see [exec.Figures].
type Card struct {
	Memory       int64   `json:"memory_bytes"`
	LargestBlock int64   `json:"largest_block_bytes"`
	Enqueued     float64 `json:"launch_enqueued_us"` // of many in a row, until the host has asked for it
	Done         float64 `json:"launch_done_us"`     // of many in a row, until it is done
	Waited       float64 `json:"launch_waited_us"`   // of one by itself
	Upload       float64 `json:"host_to_device_gb_per_s"`
	Download     float64 `json:"device_to_host_gb_per_s"`
	Peak         float64 `json:"fused_multiply_add_gflop_per_s"`
	Copy         float64 `json:"vector_copy_gb_per_s"`
	Axpy         float64 `json:"vector_axpy_gb_per_s"`
}

// Describe says who computes, and measures it where it is a card.
func Describe(d exec.Device) (about Device, err error) {
	defer exec.Recover(&err)
	about = Device{Name: d.Name(), Class: d.Class(), Bits: d.Bits(), Workers: d.Workers()}
	card, ok := d.(exec.Card)
	if !ok {
		return about, nil
	}
	c := &Card{}
	about.Card = c
	c.Memory, c.LargestBlock = card.Capacity()
	f, err := card.Figures()
	if err != nil {
		return about, err
	}
	c.Enqueued, c.Done, c.Waited = 1e6*f.Enqueued, 1e6*f.Done, 1e6*f.Waited
	c.Upload, c.Download, c.Copy, c.Axpy = f.Upload/1e9, f.Download/1e9, f.Copy/1e9, f.Axpy/1e9
	c.Peak = f.FLOPs / 1e9
	return about, nil
}

// Conformance is how near a device is to the reference kernels in float64.
type Conformance struct {
	Programs int     `json:"programs"` // first and second order
	Failed   int     `json:"failed"`   // of them: farther than Limit, or not run at all
	Worst    float64 `json:"worst_deviation"`
	Case     string  `json:"worst_case"` // the first that failed, or else the one with the worst deviation
	Limit    float64 `json:"limit"`
}

// Conform runs all programs of the conformance suite.
func Conform(d exec.Device) (Conformance, error) {
	c := Conformance{Limit: conformance.Limit(d.Bits())}
	var first error
	conformance.Walk(d, []exec.Target{d.Target()}, func(o conformance.Outcome) bool {
		c.Programs++
		switch {
		case o.Err != nil:
			c.Failed++
			if first == nil {
				first, c.Case = o.Err, ""
			}
		case !(o.Apart <= c.Limit):
			c.Failed++
			if first == nil {
				first, c.Case = fmt.Errorf("conformance: %s: %v is %.1e apart from float64, want at most %.0e", o.Name, o.Worst, o.Apart, c.Limit), o.Name
			}
		}
		if o.Err == nil && !math.IsNaN(o.Apart) && o.Apart > c.Worst {
			c.Worst = o.Apart
			if first == nil {
				c.Case = o.Name
			}
		}
		return c.Failed < 10 // a device that is broken can be slow at it
	})
	if first != nil && c.Failed > 1 {
		first = fmt.Errorf("%w; %d of %d programs failed", first, c.Failed, c.Programs)
	}
	return c, first
}

// SelfTest is what the kernels of a card give beside the bits that are right.
type SelfTest struct {
	Tried int      `json:"kernels"`
	Wrong []string `json:"wrong"`
}

// Test runs the self-test of a card; nil for devices that have none.
func Test(d exec.Device) (t *SelfTest, err error) {
	defer exec.Recover(&err)
	card, ok := d.(exec.SelfTester)
	if !ok {
		return nil, nil
	}
	t = &SelfTest{Wrong: []string{}}
	tried, wrong, err := card.SelfTest()
	t.Tried = tried
	t.Wrong = append(t.Wrong, wrong...)
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("%d of %d kernels give other bits: %q", len(wrong), tried, wrong)
	}
	return t, err
}
