// Package proof holds no code: its tests use leaktest as others do, from a
// module of its own, in child processes of go test. It stands apart because
// what the tests of leaktest import would be in the go.sum of all who use it.
package proof
