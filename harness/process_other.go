//go:build !unix

package harness

import (
	"os"
	"os/exec"
)

func prepareCommand(*exec.Cmd) {}

// terminateGroup: there is nothing that asks; a child with HoldStdin sees its
// stdin close and has the grace to end.
func terminateGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func signalName(*os.ProcessState) string { return "" }
