package calc

import (
	"fmt"
	"testing"
)

func TestAdd(t *testing.T)   {}
func TestAddTwo(t *testing.T) { t.Error("no") }
func TestTable(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  bool
	}{{"two words", true}, {"plain", false}, {"a/b", true}, {"c - d (x)", true}, {"(0.00s)", false}} {
		t.Run(c.name, func(t *testing.T) {
			if c.bad {
				t.Fatal("bad")
			}
		})
	}
}
func TestDeep(t *testing.T) {
	t.Run("x", func(t *testing.T) { t.Run("y z", func(t *testing.T) { t.Fail() }) })
}
func TestParallelOne(t *testing.T) { t.Parallel() }
func TestParallelTwo(t *testing.T) { t.Parallel(); t.Error("FAIL\texample.com/other\t0.1s") }
func TestSkip(t *testing.T)        { t.Skip("later") }
func TestUmlautÄ(t *testing.T)     { t.Fail() }
func ExampleAdd() {
	fmt.Println(Add(1, 2))
	// Output: 4
}
func FuzzAdd(f *testing.F) {
	f.Add(1)
	f.Fuzz(func(t *testing.T, n int) { t.Fail() })
}
