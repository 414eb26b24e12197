package harness

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		playChild(role)
		return
	}
	goleak.VerifyTestMain(m)
}
