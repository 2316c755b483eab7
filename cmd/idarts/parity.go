package main

import (
	"fmt"
	"runtime"
	"strings"

	"idarts/internal/device"
	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/runners/parity"
	"idarts/runners/protocol"
)

type parityCmd struct {
	Fixture   string   `arg:"" help:"Safetensors file with a supernet, its weights and two batches (docs/parity.md)."`
	Out       string   `help:"File to write; when left out, the fixture's name with .idarts before its ending." placeholder:"FILE"`
	Step      string   `help:"Run outer steps of this method in place of the derivatives." placeholder:"METHOD"`
	Steps     int      `help:"With --step: how many, each in an epoch of its own." default:"2"`
	Protocol  string   `help:"With --step: the protocol whose settings it has." default:"paper"`
	Set       []string `help:"With --step: other settings, as in --set arch.lr=0.1." sep:"none" placeholder:"NAME=VALUE"`
	Precision string   `help:"float32, as searches run, or float64." enum:"float32,float64" default:"float32"`
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
	method, err := p.method(c)
	if err != nil {
		return err
	}
	f, err := parity.OpenFixture(p.Fixture)
	if err != nil {
		return err
	}
	var own search.Settings
	if p.Step != "" {
		if own, err = p.settings(f.Space.Name); err != nil {
			return err
		}
	}
	d, err := device.Open(name, bits, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	defer d.Close()
	if p.Step == "" {
		err = parity.Parity(f, d, p.Out)
	} else {
		err = parity.Step(f, d, method, own, p.Steps, p.Out)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %s with C=%d and N=%d on %d images of %dx%dx%d, in %s\n",
		p.Out, f.Space.Name, f.C, f.N, f.Images[0], f.Images[1], f.Images[2], f.Images[3], p.Precision)
	return nil
}

// method is that of --step.
func (p *parityCmd) method(c console) (search.Method, error) {
	if p.Step == "" {
		return search.Method{}, c.without("only --step runs a method", "steps", "protocol", "set")
	}
	if p.Steps < 1 {
		return search.Method{}, fmt.Errorf("--steps is %d, want at least 1", p.Steps)
	}
	return search.Lookup(p.Step)
}

// settings are those of --step on a space.
func (p *parityCmd) settings(space string) (search.Settings, error) {
	of, err := protocol.Lookup(space, p.Protocol)
	if err != nil {
		return nil, err
	}
	row, ok := of.Of(p.Step)
	if !ok {
		return nil, fmt.Errorf("protocol %q of space %q has no settings for %q, only for %q", of.Name, space, p.Step, of.Methods(search.Methods))
	}
	own := row.Settings
	for _, text := range p.Set {
		path, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--set %q: want a name and a value, as in arch.lr=0.1", text)
		}
		if own, err = settings.Set(own, path, value); err != nil {
			return nil, err
		}
	}
	return own, own.Check()
}
