package detect

import (
	"os"
	"testing"
)

func BenchmarkPow(b *testing.B) {
	run := leakingIn(powerFamilies()[1], seeded("b", 1), 40, true, 100, 50000).run()
	b.Run("judge", func(b *testing.B) {
		for b.Loop() {
			judge(run, DefaultConfig())
		}
	})
	b.Run("power", func(b *testing.B) {
		j := judge(run, DefaultConfig())
		for b.Loop() {
			j.power()
		}
	})
	b.Run("gor", func(b *testing.B) {
		j := judge(run, DefaultConfig())
		for b.Loop() {
			j.detectableGoroutines()
		}
	})
	_ = os.Args
}
