package inference_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/inference"
)

// instant answers at once: what is measured is the way to it.
type instant struct{ slots int }

func (m instant) Load(context.Context, inference.Spec) (inference.Model, error) { return m, nil }
func (m instant) Prime(context.Context, [][]int32) error                        { return nil }
func (m instant) Close() error                                                  { return nil }
func (m instant) Describe() inference.Description                               { return inference.Description{Slots: m.slots} }

func (m instant) Judge(context.Context, inference.Query) (inference.Answer, error) {
	runtime.Gosched() // as a real pass would let the others in
	return inference.Answer{Passes: 1}, nil
}

func (m instant) Generate(context.Context, inference.Generation) (inference.Generated, error) {
	return inference.Generated{Reason: inference.Stopped, Stop: -1}, nil
}

// BenchmarkLease is what the scheduler adds to one query: Acquire, Judge and Release, alone and with many at once.
func BenchmarkLease(b *testing.B) {
	d := apptest.OpenDB(b)
	guard, err := access.New(b.Context(), d, audit.New(d, []byte("a test's content key")), access.Options{})
	require.NoError(b, err)
	passes := make([]*access.Pass, 16)
	for i := range passes {
		p := access.Principal{Kind: access.KindUser, UserID: fmt.Sprint("usr_", i), Name: "r", Role: "reviewer", SessionID: "ses_1"}
		passes[i], err = guard.Enter(b.Context(), p, access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: modelID})
		require.NoError(b, err)
	}
	q := ask("a text of the usual length, or nearly so")
	for _, callers := range []int{1, 4, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := inference.New(inference.Options{Queue: 1000})
			require.NoError(b, s.Add(b.Context(), instant{4}, inference.Spec{ModelID: modelID, File: os.Stdin}))
			one := func(pass *access.Pass) {
				l, err := s.Acquire(b.Context(), pass, modelID)
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := l.Judge(b.Context(), q); err != nil {
					b.Error(err)
				}
				l.Release()
			}
			b.ReportAllocs()
			if callers == 1 {
				for b.Loop() {
					one(passes[0])
				}
				return
			}
			b.SetParallelism((callers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					one(passes[i%len(passes)])
				}
			})
		})
	}
}
