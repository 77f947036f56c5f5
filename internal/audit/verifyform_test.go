package audit

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// FuzzCanonicalForms: what passes without being decoded is what decoding and encoding again would give.
func FuzzCanonicalForms(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `{"a":1}`, `{"a":-0}`, `{"a":01}`, `{"b":1,"a":2}`, `{"a":1,"a":1}`, `{"a":[true,false,null,"x"]}`, `["a","b"]`, `["\u0001"]`,
		`["\u000a"]`, `["\n"]`, `["\/"]`, `{"a":1e3}`, `{"a":1.0}`, `{"a":9007199254740992}`, `{"é":1}`, `{"a":{"b":[{}]}}`, "[\"\xff\"]", `["\u001F"]`,
		`[ ]`, `{"a" :1}`, `["a",]`, `[,]`, `{"a":tru}`, `{"a":[t]}`, `{"\u0061":1}`, `["` + "\u2028" + `"]`, `["\ud800"]`, "{\"a\x00\":1}", ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if canonicalObject(raw) {
			details, err := decodeDetails(raw)
			require.NoError(t, err)
			_, again, err := canonicalDetails(details)
			require.NoError(t, err)
			require.Equal(t, string(again), string(raw))
		}
		if canonicalStrings(raw) {
			var list []string
			require.NoError(t, json.Unmarshal(raw, &list))
			require.Equal(t, string(appendStrings(nil, list)), string(raw))
		}
	})
}

// What Append writes is taken without a closer look, whatever is in it.
func TestUsualRowsNeedNoCloserLook(t *testing.T) {
	h := newHasher()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		name := rapid.StringMatching(`[a-z_]{1,12}`)
		value := rapid.OneOf(rapid.Just[any](nil), rapid.Map(rapid.Int64Range(-99_999, 99_999), func(n int64) any { return n }),
			rapid.Map(text, func(s string) any { return s }), rapid.Map(rapid.SliceOfN(text, 1, 3), func(l []string) any { return l }))
		log := New(nil, []byte("key"))
		ev := log.event(Entry{
			Actor: Actor{Type: "user", ID: text.Draw(t, "id"), Name: text.Draw(t, "name")}, Action: text.Draw(t, "action"), Decision: Deny,
			Roles: rapid.SliceOfN(text, 0, 3).Draw(t, "roles"), UserAgent: text.Draw(t, "agent"), PolicyVersion: rapid.Int64Range(0, 1<<53-1).Draw(t, "policy"),
			Details: rapid.MapOfN(name, value, 0, 4).Draw(t, "details"),
		}, sampleTime(rapid.Int64Range(0, lastYear).Draw(t, "at")))
		ev.Seq, ev.PrevHash = rapid.Int64Range(1, 1<<53-1).Draw(t, "seq"), Genesis
		_, details, err := canonicalDetails(ev.Details)
		if err != nil {
			t.Fatal(err)
		}
		ev.Hash = hashOf(encodeWith(ev, details, withoutHash))
		f := h.fact(packed(ev, details))
		if !f.own || f.seq != ev.Seq || f.prev != ev.PrevHash || f.hash != ev.Hash || f.at != ev.At.UnixMilli() {
			t.Fatalf("%+v is not %+v", f, ev)
		}
	})
}

// FuzzUnpack: no bytes make the unpacking go wrong.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("1,1,0,0,0,0;"))
	f.Add([]byte("1,1,0,0,0,3,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0;abc"))
	f.Fuzz(func(_ *testing.T, raw []byte) { newHasher().fact(raw) })
}
