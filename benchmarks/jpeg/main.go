// Command jpeg asks what it costs that images went through JPEG once: the same trainings on
// 4,000 images without loss and on the same images as JPEG, pair by pair of one seed.
//
//	go run ./benchmarks/jpeg -png DIR -data DIR -out DIR
//
// It makes the two data sets (3,000 images to train on, 1,000 to measure on), trains both like
// idarts retrain --space nb201 --protocol less does, and prints the table. Stopped, it goes on
// where it was when it is called again.
//
// -png is a folder with cifar10_batch_0.png to cifar10_batch_3.png of karpathy/convnetjs at
// commit 39afa8cd5e4cfb5771dc8a1f51bc56aa080f0b51, demo/cifar10: the first 4,000 training images
// of CIFAR-10 without loss, a row each. -data is a folder of CIFAR-10's binary version, its images
// in the original order, that went through JPEG.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"idarts/internal/result"
	"idarts/internal/rng"
	"idarts/internal/statistics"
	"idarts/internal/work"
	"idarts/runners"
	"idarts/runners/protocol"
)

// cells are the two of E5 that have a gap and are cheap to train.
var cells = []struct{ name, arch string }{
	{"#284", "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|nor_conv_1x1~1|none~2|"},
	{"#3", "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|skip_connect~2|"},
}

// The two data sets, which are the names of their folders too.
const (
	asJPEG  = "jpeg"
	without = "lossless"
)

func main() {
	png := flag.String("png", "", "folder with cifar10_batch_0.png to cifar10_batch_3.png")
	data := flag.String("data", "", "folder of CIFAR-10 as JPEG, unpacked to the binary version")
	out := flag.String("out", "jpeg", "folder for data sets and runs")
	seeds := flag.String("seeds", "0-9", "seeds and ranges, as in 0-2,5")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := study(ctx, *png, *data, *out, *seeds, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "jpeg: %v\n", err)
		os.Exit(1)
	}
}

func study(ctx context.Context, png, data, out, seeds string, w io.Writer) error {
	if png == "" || data == "" {
		return errors.New("want -png DIR and -data DIR")
	}
	wanted, err := runners.ParseSeeds(seeds)
	if err != nil {
		return err
	}
	p, err := protocol.Lookup("nb201", "less")
	if err != nil {
		return err
	}
	apart, err := makeSets(png, data, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "mean squared difference of the images: %.0f, of 255 grey levels\n\n", apart)
	jpeg, err := train(ctx, p, filepath.Join(out, asJPEG), wanted)
	if err != nil {
		return err
	}
	lossless, err := train(ctx, p, filepath.Join(out, without), wanted)
	if err != nil {
		return err
	}
	return table(w, jpeg, lossless)
}

// train is validation accuracy in percent after the last epoch, by cell and seed.
func train(ctx context.Context, p protocol.Protocol, dir string, seeds []uint64) ([][]float64, error) {
	runs := filepath.Join(dir, "runs")
	space, err := protocol.LookupSpace(p.Space)
	if err != nil {
		return nil, err
	}
	archs := make([]string, len(cells)) // as results name them
	for c, cell := range cells {
		if archs[c], err = space.Canonical(cell.arch); err != nil {
			return nil, err
		}
	}
	retrain, err := runners.OpenRetrain(p, archs, seeds, filepath.Join(dir, "images"), work.Options{Out: runs, Log: os.Stderr})
	if err != nil {
		return nil, err
	}
	if _, err := retrain.Run(ctx); err != nil {
		return nil, err
	}
	loaded, faults, err := result.Load(runs)
	if err == nil && len(faults) > 0 {
		err = faults[0].Err
	}
	if err != nil {
		return nil, err
	}
	accuracy := make([][]float64, len(cells))
	for _, run := range loaded { // in the order of their seeds; of other seeds may be unfinished
		if run.Result != nil && slices.Contains(seeds, run.Cell.Seed) {
			c := slices.Index(archs, run.Result.Arch)
			accuracy[c] = append(accuracy[c], run.Result.Score.Valid)
		}
	}
	for c := range accuracy {
		if len(accuracy[c]) != len(seeds) {
			return nil, fmt.Errorf("%q: %d results of cell %s, want %d", runs, len(accuracy[c]), cells[c].name, len(seeds))
		}
	}
	return accuracy, nil
}

// table prints what both data sets give, by cell and seed, and the differences with the 95 %
// bootstrap interval of their mean.
func table(w io.Writer, jpeg, lossless [][]float64) error {
	fmt.Fprintln(w, "| cell | as JPEG | without loss | difference, over pairs of one seed | pairs |\n|---|---|---|---|---|")
	for c, cell := range cells {
		d := statistics.Differences(lossless[c], jpeg[c])
		low, high := statistics.BCa(d, statistics.Mean, 0.95, rng.New(0, "jpeg: resamples"))
		_, err := fmt.Fprintf(w, "| %s | %.2f ± %.2f | %.2f ± %.2f | %+.1f [%+.1f, %+.1f] | %d |\n", cell.name, statistics.Mean(jpeg[c]), statistics.SD(jpeg[c]),
			statistics.Mean(lossless[c]), statistics.SD(lossless[c]), statistics.Mean(d), low, high, len(d))
		if err != nil {
			return err
		}
	}
	return nil
}
