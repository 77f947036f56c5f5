package limit_test

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"guardhouse/internal/limit"
)

// usual is what the gate holds a request against: a rule, the key, the person, the address and the model.
func usual(of string) []limit.Claim {
	claims := []limit.Claim{rate("ward-nurses", of, 1_000_000, time.Minute)}
	for _, scope := range []limit.Scope{limit.ByKey, limit.ByPerson, limit.ByAddress, limit.ByModel} {
		claims = append(claims, limit.Claim{Scope: scope, Policy: "limits", Of: of, Rate: limit.Rate{N: 1_000_000, Per: time.Minute}})
	}
	return claims
}

func BenchmarkCharge(b *testing.B) {
	refused := rate("r", "rita", 1, 24*time.Hour)
	refusedTen := limit.Ask{OneOf: make([][]limit.Claim, 1)}
	for i := range 10 {
		refusedTen.OneOf[0] = append(refusedTen.OneOf[0], rate("r"+strconv.Itoa(i), "rita", 1, 24*time.Hour))
	}
	for name, ask := range map[string]limit.Ask{
		"1 claim": one(rate("ward-nurses", "01JABCDEFGHJKMNPQRSTVWXYZ0", 1_000_000, time.Minute)), "5 claims": one(usual("01JABCDEFGHJKMNPQRSTVWXYZ0")...),
		"5 claims and 4 quotas": one(append(usual("01JABCDEFGHJKMNPQRSTVWXYZ0"), quotas("01JABCDEFGHJKMNPQRSTVWXYZ0")...)...),
		"refused":               one(refused), "refused by 10 rules": refusedTen,
	} {
		b.Run(name, func(b *testing.B) {
			now := time.Now()
			l := limit.New(now, limit.Options{})
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Microsecond)
				l.Reserve(now, 1, limit.Cost{}, ask)
			}
		})
	}
}

func quotas(of string) []limit.Claim {
	var all []limit.Claim
	for _, unit := range []limit.Unit{limit.Requests, limit.Tokens} {
		for _, span := range []limit.Span{limit.Day, limit.Month} {
			all = append(all, limit.Claim{Scope: limit.ByPerson, Policy: "quota", Of: of, Quota: &limit.Quota{Unit: unit, Span: span, Max: limit.NoMax}})
		}
	}
	return all
}

func BenchmarkChargeParallel(b *testing.B) {
	l, now := limit.New(time.Now(), limit.Options{}), time.Now()
	b.RunParallel(func(p *testing.PB) {
		ask := one(usual("rita")...)
		for p.Next() {
			l.Charge(now, 1, ask)
		}
	})
}

// A new person at each charge: insertion, the sweep and, once the table is full, the eviction.
func BenchmarkChargeStrangers(b *testing.B) {
	for _, most := range []int{1000, 1 << 20} {
		b.Run(strconv.Itoa(most), func(b *testing.B) {
			now, i := time.Now(), 0
			l := limit.New(now, limit.Options{Buckets: most})
			for b.Loop() {
				i++
				l.Charge(now, 1, one(rate("r", strconv.Itoa(i), 100, 24*time.Hour)))
			}
		})
	}
}

func BenchmarkMillionPersons(b *testing.B) {
	const persons = 1_000_000
	memory := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for name, claim := range map[string]limit.Claim{
		"buckets":  rate("ward-nurses", "", 100, 24*time.Hour),
		"counters": {Scope: limit.ByPerson, Quota: &limit.Quota{Unit: limit.Tokens, Span: limit.Day, Max: limit.NoMax}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before, now := memory(), time.Now()
				l := limit.New(now, limit.Options{})
				var slowest time.Duration
				for i := range persons {
					claim.Of = "01JABCDEFGHJKMNP" + strconv.Itoa(1_000_000_000+i)
					begun := time.Now()
					_, held := l.Reserve(now, 1, limit.Cost{Tokens: 1}, one(claim))
					held.Settle(now, limit.Cost{Tokens: 1})
					slowest = max(slowest, time.Since(begun))
				}
				b.ReportMetric(float64(memory()-before)/persons, "B/person")
				b.ReportMetric(float64(slowest.Microseconds()), "µs-slowest")
				runtime.KeepAlive(l)
			}
		})
	}
}
