package access_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
)

// BenchmarkEnter is one use that is allowed, with a number of rules for other users of the same model: judge is the decision
// alone, and enter also counts it for the person's quotas.
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
					case "patterns": // a policy has at most a thousand different ones
						x.Models = []string{fmt.Sprintf("model-%d-*", i%900)}
					}
					rules = append(rules, x)
				}
				require.NoError(b, g.guard.Swap(1, [][2]string{{"reviewer", "moderation.run"}}, rules))
				p := user("reviewer")
				b.Run("enter", func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if _, err := g.guard.Enter(context.Background(), p, inferNano); err != nil {
							b.Fatal(err)
						}
					}
				})
				b.Run("judge", func(b *testing.B) {
					q := question(p, access.Infer, "guard-nano")
					b.ReportAllocs()
					for b.Loop() {
						if !g.guard.Judge(q, nil) {
							b.Fatal("refused")
						}
					}
				})
			})
		}
	}
}
