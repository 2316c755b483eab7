package main

import (
	"fmt"
	"io"

	dartsspace "idarts/darts_space"
	"idarts/internal/download"
	"idarts/nb1b1"
	"idarts/nb201"
	"idarts/testdata"
)

// dataItem is a data set or a table of results that the program knows.
type dataItem struct {
	Name, Title       string
	Files             []dataFile
	Licence, Citation string
	Get               string // how to get it
}

// dataFile is a file whose content is known.
type dataFile struct {
	Name     string
	SHA256   string // "" where it is not known
	Size     int64  // bytes, 0 where it is not known
	Embedded []byte // its content, where the program has it
}

// dataItems lists what the program knows, images first. SHA-256 of CIFAR's archives:
// torch and Julia loaders agree on them. Those of NAS-Bench-101: our notes.
var dataItems = []dataItem{
	{
		Name: "fashion16", Title: "15,000 images of Fashion-MNIST at 16x16",
		Files:    []dataFile{{"fashion16.arrow", "bc19e0b55ddbd52dffc60f972e6606fc52859df93b21acd2340e511c27bf17c7", 2720018, testdata.Fashion16}},
		Licence:  "MIT (Zalando SE)",
		Citation: "Xiao, Rasul, Vollgraf: Fashion-MNIST, 2017, arXiv:1708.07747",
		Get:      "it is in the program",
	},
	{
		Name: "fashion8", Title: "the images of fashion16 at 8x8",
		Licence:  "MIT (Zalando SE)",
		Citation: "Xiao, Rasul, Vollgraf: Fashion-MNIST, 2017, arXiv:1708.07747",
		Get:      "the program makes it of fashion16",
	},
	{
		Name: "fashion12", Title: "the images of fashion16 at 12x12",
		Licence:  "MIT (Zalando SE)",
		Citation: "Xiao, Rasul, Vollgraf: Fashion-MNIST, 2017, arXiv:1708.07747",
		Get:      "the program makes it of fashion16",
	},
	{
		Name: "cifar10", Title: "CIFAR-10, 60,000 images at 32x32",
		Files:    []dataFile{{Name: "cifar-10-binary.tar.gz", SHA256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", Size: 170052171}},
		Licence:  "none given by its authors; the split file is MIT",
		Citation: "Krizhevsky: Learning multiple layers of features from tiny images, 2009",
		Get:      "unpack https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz; beside it cifar-split.txt of NAS-Bench-201 (D-X-Y/AutoDL-Projects, configs/nas-benchmark)",
	},
	{
		Name: "cifar100", Title: "CIFAR-100, 60,000 images at 32x32",
		Files:    []dataFile{{Name: "cifar-100-binary.tar.gz", SHA256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec", Size: 168513733}},
		Licence:  "none given by its authors; the split file is MIT",
		Citation: "Krizhevsky: Learning multiple layers of features from tiny images, 2009",
		Get:      "unpack https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz; beside it cifar100-test-split.txt of NAS-Bench-201 (D-X-Y/AutoDL-Projects, configs/nas-benchmark)",
	},
	{
		Name: "ImageNet16-120", Title: "ImageNet at 16x16, 120 classes",
		Licence:  "terms of ImageNet: research that is not commercial; the split file is MIT",
		Citation: "Chrabaszcz, Loshchilov, Hutter: A downsampled variant of ImageNet, 2017, arXiv:1707.08819; the 120 classes are NAS-Bench-201's",
		Get:      "the 16x16 training and validation batches of image-net.org (registration), with imagenet-16-120-test-split.txt of NAS-Bench-201 beside them",
	},
	{
		Name: "nb201-micro", Title: "NB201-Micro, our benchmark: all 15,625 cells of NAS-Bench-201, trained on fashion8",
		Files:    []dataFile{{Name: "nb201-micro.arrow", SHA256: "2a9898290527fcf03971802dd7014c0d89a07c35b792587f2c865815f440be06", Size: 470242, Embedded: testdata.NB201Micro}},
		Licence:  "that of this program; the images are MIT",
		Citation: "this program, docs/micro-benchmark.md",
		Get:      "it is in the program; idarts bench build makes it again",
	},
	{
		Name: "nb201", Title: "NAS-Bench-201, public extracts: all 15,625 cells; at 200 epochs the test of three data sets, validation and single trials of CIFAR-10; three data sets at 12 epochs",
		Files:    publicFiles(nb201.Public),
		Licence:  publicLicences(nb201.Public),
		Citation: "Dong, Yang: NAS-Bench-201, ICLR 2020, arXiv:2001.00326",
		Get:      "idarts data fetch nb201",
	},
	{
		Name: "nats-bench", Title: "NATS-Bench topology, the official records: all 15,625 cells, each seed, losses and times",
		Licence:  "MIT",
		Citation: "Dong, Liu, Musial, Gabrys: NATS-Bench, TPAMI 2021, arXiv:2009.00437",
		Get:      "unpack NATS-tss-v1_0-3ffb9-simple.tar (github.com/D-X-Y/NATS-Bench links to it), then idarts data import nats-bench FOLDER " + defaultTable,
	},
	{
		Name: "nas-bench-101", Title: "NAS-Bench-101, the official files: 423,624 cells, 3 repeats, 4 to 108 epochs or 108 alone",
		Files: []dataFile{
			{Name: "nasbench_full.tfrecord", SHA256: "3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c"},
			{Name: "nasbench_only108.tfrecord", SHA256: "4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1"},
		},
		Licence:  "Apache-2.0",
		Citation: "Ying, Klein, Christiansen, Real, Murphy, Hutter: NAS-Bench-101, ICML 2019, arXiv:1902.09635",
		Get:      "https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord (0.5 GB) or nasbench_full.tfrecord (2 GB), then idarts data import nas-bench-101 FILE data/nasbench101.arrow",
	},
	{
		Name: "nas-bench-101-part", Title: "NAS-Bench-101, a public extract: 30,001 cells, validation accuracies of one repeat at 4 to 108 epochs, no test accuracies",
		Files:    publicFiles(nb1b1.Partial),
		Licence:  publicLicences(nb1b1.Partial),
		Citation: "Ying, Klein, Christiansen, Real, Murphy, Hutter: NAS-Bench-101, ICML 2019, arXiv:1902.09635",
		Get:      "idarts data fetch nas-bench-101",
	},
	{
		Name: "nb301", Title: "a surrogate of NAS-Bench-301 by YAHPO Gym: predicted validation accuracies of genotypes of the DARTS space",
		Files:    []dataFile{{Name: dartsspace.SurrogateFile.Name, SHA256: dartsspace.SurrogateFile.SHA256, Size: dartsspace.SurrogateFile.Size}},
		Licence:  dartsspace.SurrogateFile.Licence,
		Citation: "Pfisterer, Schneider, Moosbauer, Binder, Bischl: YAHPO Gym, AutoML 2022, arXiv:2109.03670; Zela, Siems, Zimmer, Lukasik, Keuper, Hutter: Surrogate NAS benchmarks, ICLR 2022, arXiv:2008.09777",
		Get:      "idarts data fetch nb301",
	},
	{
		Name: "darts-genotypes", Title: "42 published genotypes of the DARTS space",
		Files:    []dataFile{{"darts-genotypes.arrow", "b86044ffd166c8497f2071f645cb74e6745de4152787ad8ff991b72a11dbc2ca", 14162, testdata.DartsGenotypes}},
		Licence:  "that of this program; facts from the sources that each row names",
		Citation: "the source of each row",
		Get:      "it is in the program",
	},
}

// publicFiles are those that a fetch takes.
func publicFiles(from []download.File) []dataFile {
	var files []dataFile
	for _, f := range from {
		files = append(files, dataFile{Name: f.Name, SHA256: f.SHA256, Size: f.Size})
	}
	return files
}

func publicLicences(from []download.File) string {
	_, licences, _ := download.Origin(from)
	return licences
}

type dataListCmd struct{}

func (*dataListCmd) Run(c console) error {
	for i, item := range dataItems {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		item.print(c.out)
	}
	return nil
}

func (d dataItem) print(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n", d.Name, d.Title)
	for _, f := range d.Files {
		text := f.Name
		if f.Size > 0 {
			text += fmt.Sprintf(", %d bytes", f.Size)
		}
		sum := f.SHA256
		if sum == "" {
			sum = "not known"
		}
		fmt.Fprintf(w, "  file      %s\n            sha256 %s\n", text, sum)
	}
	fmt.Fprintf(w, "  licence   %s\n  citation  %s\n  get       %s\n", d.Licence, d.Citation, d.Get)
}

// knownFile finds a file by its content.
func knownFile(sha256 string) (item dataItem, file dataFile, ok bool) {
	for _, item := range dataItems {
		for _, f := range item.Files {
			if f.SHA256 == sha256 {
				return item, f, true
			}
		}
	}
	return dataItem{}, dataFile{}, false
}
