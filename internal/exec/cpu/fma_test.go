package cpu

import (
	"idarts/internal/longtest"
	"math"
	"math/big"
	"testing"
)

// ulp is the distance from 1 to the next float32; least is the smallest one above 0.
const (
	ulp     = 0x1p-23
	least   = 0x1p-149
	largest = math.MaxFloat32
)

func TestFMA(t *testing.T) {
	inf, nan, minus0 := float32(math.Inf(1)), float32(math.NaN()), float32(math.Copysign(0, -1))
	for _, tt := range []struct {
		name          string
		a, b, c, want float32
	}{
		{"small integers are exact", 3, 5, 7, 22},
		{"(1+ulp)² − 1 keeps ulp²", 1 + ulp, 1 + ulp, -1, 2*ulp + ulp*ulp},
		{"the product is not rounded: (1+ulp)(1−ulp) − 1 = −ulp²", 1 + ulp, 1 - ulp, -1, -ulp * ulp},

		{"a tie goes down to even", 1, ulp / 2, 1, 1},
		{"a tie goes up to even", 1, ulp / 2, 1 + ulp, 1 + 2*ulp},
		{"a negative tie goes to even", 1, -ulp / 2, -1 - ulp, -1 - 2*ulp},
		{"a little more than a tie goes up", 0x1p-12 * (1 + ulp), 0x1p-12, 1, 1 + ulp},
		{"a little less than a tie goes down", 0x1p-12 * (1 - ulp/2), 0x1p-12, 1 + ulp, 1 + ulp},

		// In float64 these sums are ties, too; what it lost says where they belong.
		{"(1+ulp)(1−ulp) = 1 − 2⁻⁴⁶: below a tie by 2⁻⁷⁰", 0x1p-12 * (1 + ulp), 0x1p-12 * (1 - ulp), 1 + ulp, 1 + ulp},
		{"above a tie by 2⁻⁷⁰", 0x1p-12 * (1 + ulp), -0x1p-12 * (1 - ulp), 1 + ulp, 1 + ulp},
		{"the same with the other sign", 0x1p-12 * (1 + ulp), -0x1p-12 * (1 - ulp), -1 - ulp, -1 - ulp},
		{"3(2²³+3) is a tie, even below", 3, 1<<23 + 3, 0, 25165832},
		{"3(2²³+3) + 2⁻⁸⁰ goes up", 3, 1<<23 + 3, 0x1p-80, 25165834},
		{"3(2²³+3) − 2⁻⁸⁰ goes down", 3, 1<<23 + 3, -0x1p-80, 25165832},
		{"3(2²³+1) is a tie, even above", 3, 1<<23 + 1, 0, 25165828},
		{"3(2²³+1) − 2⁻⁸⁰ goes down", 3, 1<<23 + 1, -0x1p-80, 25165826},
		{"−3(2²³+1) + 2⁻⁸⁰ goes up", -3, 1<<23 + 1, 0x1p-80, -25165826},

		{"half of the least number is a tie to 0", least, 0.5, 0, 0},
		{"with the sign", least, -0.5, 0, minus0},
		{"a little more than half of it is the least", least, 0.5 + ulp/2, 0, least},
		{"one and a half of it go to two", least, 1.5, 0, 2 * least},
		{"two and a half of it go to two", least, 2.5, 0, 2 * least},
		{"half of it, with an addend", least, 0.5, least, 2 * least},
		{"half of it off an addend", least, -0.5, least, 0},
		{"much less than half of it leaves an odd addend", 0x1p-140, 0x1p-140, 3 * least, 3 * least},
		{"2⁻²⁹⁸ alone is 0", least, least, 0, 0},
		{"a subnormal sum below a tie by 2⁻¹⁹⁶", 0x1p-75 * (1 + ulp), 0x1p-75 * (1 - ulp), 0x1p-127 + least, 0x1p-127 + least},
		{"a subnormal sum above a tie by 2⁻¹⁹⁶", 0x1p-75 * (1 + ulp), -0x1p-75 * (1 - ulp), 0x1p-127 + least, 0x1p-127 + least},
		{"under the least normal number", 0x1p-126, 1 - ulp/2, 0, 0x1p-126},
		{"well under it", 0x1p-126, 1 - ulp, 0, 0x1p-126 - least},

		{"the largest", largest, 1, 0, largest},
		{"half a unit above the largest is infinite", 0x1p103, 1, largest, inf},
		{"less than that is not", 0x1p103, 1 - ulp/2, largest, largest},
		{"nor is what float64 rounds to half a unit", 0x1p52 * (1 + ulp), 0x1p51 * (1 - ulp), largest, largest},
		{"an overflowing product comes back", 0x1p100, 0x1p28, -largest, 0x1p104},
		{"an overflowing product", -0x1p100, 0x1p30, largest, -inf},

		{"infinity", inf, 2, -5, inf},
		{"minus infinity", inf, -2, 5, -inf},
		{"an infinite addend", largest, largest, -inf, -inf},
		{"∞·0", inf, 0, 1, nan},
		{"∞ − ∞", inf, 1, -inf, nan},
		{"not a number", nan, 1, 1, nan},
		{"a sum with what is no number", 1, 1, nan, nan},

		{"0 + 0", 0, 1, 0, 0},
		{"−0 + 0", 0, -1, 0, 0},
		{"0 − 0", 0, 1, minus0, 0},
		{"−0 − 0", 0, -1, minus0, minus0},
		{"1 − 1", 1, 1, -1, 0},
	} {
		got := fma(tt.a, tt.b, tt.c)
		if !sameFloat(got, tt.want) {
			t.Errorf("%s: fma(%x, %x, %x) = %x, want %x", tt.name, tt.a, tt.b, tt.c, got, tt.want)
		}
		if exact, ok := bigFMA(tt.a, tt.b, tt.c); ok && !sameFloat(tt.want, exact) {
			t.Errorf("%s: the table has %x, math/big %x", tt.name, tt.want, exact)
		}
	}
}

// sameFloat compares bits, but all that is no number is the same.
func sameFloat(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
}

// bigFMA is fma in math/big; ok is false where the sum is 0 or not finite, which big
// numbers do not tell apart as float32 does.
func bigFMA(a, b, c float32) (sum float32, ok bool) {
	for _, x := range []float32{a, b, c} {
		if x != x || math.IsInf(float64(x), 0) {
			return 0, false
		}
	}
	const exact = 1000 // bits from 2²⁵⁶ to 2⁻²⁹⁸ are fewer
	z := new(big.Float).SetPrec(exact)
	x, y := big.NewFloat(float64(a)), big.NewFloat(float64(b))
	z.Mul(x, y).Add(z, big.NewFloat(float64(c)))
	sum, _ = z.Float32()
	return sum, z.Sign() != 0
}

// triples makes arguments of fma that are seldom harmless: few bits set, so that sums
// are often ties; c from far below the product to far above; some in the range of
// subnormal numbers, some close to overflow.
type triples uint64

func (s *triples) next() uint64 { // splitmix64
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (s *triples) draw() (a, b, c float32) {
	n := s.next()
	exponent := 60 + n%136 // of a and b, so that products reach from 2⁻¹³⁴ to 2¹³⁶
	if n>>8%4 == 0 {
		exponent = 40 + n%40 // about the least numbers
	}
	product := int(exponent)*2 - 127 - 12 + int(n>>16%24)
	a = s.number(exponent, n>>24)
	b = s.number(uint64(max(product+127-int(exponent), 0)), n>>32)
	c = s.number(uint64(min(max(product+int(n>>40%122)-61, 0), 254)), n>>48)
	if n>>8%4 == 1 { // below or above a tie by what float64 loses
		a = s.mantissa(exponent, 1)
		b = s.mantissa(uint64(max(product+126-int(exponent), 0)), 1<<23-2)
		c = s.number(uint64(min(max(product+24, 0), 254)), n>>48)
	}
	return a, b, c
}

// number has a mantissa that is random, or short, or of two short pieces.
func (s *triples) number(exponent, kind uint64) float32 {
	n := s.next()
	mantissa := n & (1<<23 - 1)
	switch kind % 4 {
	case 1:
		mantissa &^= 1<<(n>>32%24) - 1
	case 2:
		mantissa = 1<<23 - 1<<(n>>32%24)
	case 3:
		mantissa = 1<<(n>>32%24) + 1<<(n>>40%24)&(1<<23-1)
	}
	return s.mantissa(exponent, mantissa)
}

// mantissa gives it a random sign.
func (s *triples) mantissa(exponent, mantissa uint64) float32 {
	return math.Float32frombits(uint32(min(exponent, 254)<<23 | mantissa&(1<<23-1) | s.next()>>63<<31))
}

func TestFMARoundsOnce(t *testing.T) {
	var s triples
	double := 0 // in which float32(math.FMA(...)) would be wrong
	for range 200_000 {
		a, b, c := s.draw()
		want, ok := bigFMA(a, b, c)
		if got := fma(a, b, c); ok && !sameFloat(got, want) {
			t.Fatalf("fma(%x, %x, %x) = %x, want %x", a, b, c, got, want)
		}
		if ok && !sameFloat(want, float32(math.FMA(float64(a), float64(b), float64(c)))) {
			double++
		}
	}
	t.Logf("rounding twice is wrong in %d of 200,000 sums", double)
	if double < 2000 {
		t.Errorf("rounding twice is wrong in %d sums, want hard ones, 2000 or more", double)
	}
}

// The sums of rows, and those of the processor's own instruction, have the bits of fma.
func TestFMAIsTheInstruction(t *testing.T) {
	sets := nativeSets()
	if len(sets) == 0 {
		t.Skip("no native kernels here")
	}
	native := portable[float32]()
	sets[0].use(native)
	count := longtest.Of(1_000_000, 10_000_000, 100_000_000)
	const n = 4096
	var s triples
	a, b, c, got := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for done := 0; done < count; done += n {
		for i := range a {
			a[i], b[i], c[i] = s.draw()
		}
		native.lin(got, [][]float32{b}, 0, a, c)
		for i, hard := range got {
			if soft := fma(a[i], b[i], c[i]); !sameFloat(soft, hard) {
				t.Fatalf("fma(%x, %x, %x) = %x, the instruction gives %x", a[i], b[i], c[i], soft, hard)
			}
		}
		addProducts(c, a, b)
		for i, hard := range got {
			if !sameFloat(c[i], hard) {
				t.Fatalf("addProducts of %x and %x: %x, the instruction gives %x", a[i], b[i], c[i], hard)
			}
		}
	}
}

func BenchmarkAxpy(b *testing.B) {
	x, y := make([]float32, 64), make([]float32, 64)
	for i := range x {
		x[i] = 1 / float32(i+3)
	}
	for b.Loop() {
		portableAxpy(y, x, 1e-3)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/64, "ns/fma")
}
