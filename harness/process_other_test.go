//go:build !unix

package harness

const childRole = "HEAPDRIFT_HARNESS_CHILD"

func playChild(string) {}
