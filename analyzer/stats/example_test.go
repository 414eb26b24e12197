package stats_test

import (
	"fmt"
	"log"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// The rate of growth with the interval that the scatter allows.
func ExampleFitSlope() {
	ops := []float64{0, 100, 200, 300, 400, 500, 600, 700}
	live := []float64{5000, 6630, 8190, 9820, 11390, 13010, 14580, 16230} // 16 bytes an operation, and a few
	s, err := stats.FitSlope(ops, live, stats.Noise{})
	if err != nil {
		log.Fatal(err)
	}
	iv := s.Interval(0.95)
	fmt.Printf("%.2f [%.2f, %.2f]\n", iv.Estimate, iv.Lo, iv.Hi)
	// Output: 16.00 [15.90, 16.10]
}

// The exact test for a trend: six rising values come by chance once in 720.
func ExampleMannKendall() {
	k := stats.MannKendall([]float64{3, 5, 8, 9, 12, 20})
	fmt.Printf("tau %.0f, p = 1/%.0f\n", k.Tau, 1/k.P)
	// Output: tau 1, p = 1/720
}

// Nothing seen is not nothing there: of 0 events the rate may still be 3.7.
func ExamplePoissonInterval() {
	for _, k := range []int{0, 9} {
		iv := stats.PoissonInterval(k, 0.95)
		fmt.Printf("%d seen: [%.1f, %.1f]\n", k, iv.Lo, iv.Hi)
	}
	// Output:
	// 0 seen: [0.0, 3.7]
	// 9 seen: [4.1, 17.1]
}
