package main

import (
	"fmt"
	"runtime"

	"idarts/internal/device"
	"idarts/runners/parity"
)

type parityCmd struct {
	Fixture   string `arg:"" help:"Safetensors file with a supernet, its weights and two batches (docs/parity.md)."`
	Out       string `help:"File to write; when left out, the fixture's name with .idarts before its ending." placeholder:"FILE"`
	Precision string `help:"float32, as searches run, or float64." enum:"float32,float64" default:"float32"`
	deviceFlag
}

// Run computes the losses and derivatives of a fixture.
func (p *parityCmd) Run(c console) error {
	if p.Out == "" {
		p.Out = withoutEnding(p.Fixture, ".safetensors") + ".idarts.safetensors"
	}
	bits, name := 64, p.Device
	var err error
	switch {
	case p.Precision != "float64":
		bits = 32
		name, err = p.choose(c)
	case p.DeviceAny:
		err = fmt.Errorf("--device-any is for graphics cards, which have no float64")
	}
	if err != nil {
		return err
	}
	f, err := parity.OpenFixture(p.Fixture)
	if err != nil {
		return err
	}
	d, err := device.Open(name, bits, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := parity.Parity(f, d, p.Out); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %s with C=%d and N=%d on %d images of %dx%dx%d, in %s\n",
		p.Out, f.Space.Name, f.C, f.N, f.Images[0], f.Images[1], f.Images[2], f.Images[3], p.Precision)
	return nil
}
