package access_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
)

// BenchmarkEnter is one decision that is allowed, with a number of rules for other users of the same model.
func BenchmarkEnter(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		for _, kind := range []string{"one model", "many models", "patterns"} {
			b.Run(fmt.Sprintf("%d rules, %s", n, kind), func(b *testing.B) {
				g := newGate(b, "")
				rules := []access.Rule{r("zz", "allow", "role:reviewer", "guard-nano", "view infer")}
				for i := range n - 1 {
					x := r(fmt.Sprintf("r%05d", i), "allow", fmt.Sprintf("user:usr_%d", i), "guard-nano", "view infer")
					switch kind {
					case "many models":
						x.Models = []string{fmt.Sprintf("model-%d", i)}
					case "patterns":
						x.Models = []string{fmt.Sprintf("model-%d-*", i)}
					}
					rules = append(rules, x)
				}
				require.NoError(b, g.guard.Swap(1, [][2]string{{"reviewer", "moderation.run"}}, rules))
				p := user("reviewer")
				b.ReportAllocs()
				for b.Loop() {
					if _, err := g.guard.Enter(context.Background(), p, inferNano); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
