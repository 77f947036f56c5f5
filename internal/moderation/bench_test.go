package moderation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/moderation"
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

// BenchmarkEvaluateCached is a remembered text from 16 clients: the gate, the key and the durable rows, without the model.
func BenchmarkEvaluateCached(b *testing.B) {
	for name, say := range map[string]string{"short": "How do I bake bread?", "long": strings.Repeat("bread and butter ", 6000)} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, queue(1000), with(moderation.Options{CacheEntries: 100}))
			q := ask(text(say))
			_, err := r.svc.Evaluate(b.Context(), rita(), q)
			require.NoError(b, err)
			b.SetParallelism(8) // times two cores
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					vs, err := r.svc.Evaluate(b.Context(), rita(), q)
					if err != nil || !vs[0].Cached {
						b.Error(err, "or not remembered")
						return
					}
				}
			})
		})
	}
}
