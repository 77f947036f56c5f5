package moderation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkEvaluate is the cost of everything around the model: gate, prompt, verdict, durable rows.
func BenchmarkEvaluate(b *testing.B) {
	for name, say := range map[string]string{"short": "How do I bake bread?", "long": strings.Repeat("bread and butter ", 500)} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			q := ask(text(say))
			b.ResetTimer()
			for b.Loop() {
				_, err := r.svc.Evaluate(b.Context(), rita(), q)
				require.NoError(b, err)
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		r := newRig(b, queue(1000))
		q := ask(text("How do I bake bread?"))
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := r.svc.Evaluate(b.Context(), rita(), q); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
