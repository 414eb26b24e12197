package leaktest

import "runtime"

func goexit() { runtime.Goexit() }
