package audit

import (
	"strconv"
	"time"
)

func sampleTime(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// packed is a row as packSQL answers it.
func packed(ev Event, details []byte) []byte {
	head, texts := []byte{}, []byte{}
	for _, n := range []int64{ev.Seq, int64(ev.V), ev.At.UnixMilli(), ev.PolicyVersion, ev.Duration.Microseconds()} {
		head = append(strconv.AppendInt(head, n, 10), ',')
	}
	for i, s := range []string{
		ev.ID, ev.Actor.Type, ev.Actor.ID, ev.Actor.Name, ev.KeyID, string(appendStrings(nil, ev.Roles)), string(appendStrings(nil, ev.Groups)),
		ev.Purpose, ev.Operation, ev.IP, ev.UserAgent, ev.Action, ev.Resource, ev.Model, ev.ModelSHA256, ev.Decision, ev.Reason, ev.RuleID,
		ev.RequestID, ev.ContentHash, string(details), ev.PrevHash, ev.Hash,
	} {
		if i > 0 {
			head = append(head, ',')
		}
		head, texts = strconv.AppendInt(head, int64(len(s)), 10), append(texts, s...)
	}
	return append(append(head, ';'), texts...)
}
