package bench

import (
	"fmt"
	"strings"
	"unicode"
)

// chance is splitmix64: the same numbers from the same seed on every machine and in every release of Go.
type chance uint64

func (c *chance) next() uint64 {
	*c += 0x9e3779b97f4a7c15
	z := uint64(*c)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// of answers a number below n; the bias is 2^-50 for our short lists.
func (c *chance) of(n int) int { return int(c.next() % uint64(n)) }

func pick(c *chance, list []string) string { return list[c.of(len(list))] }

// generate answers text number i: a number that no other text has, then one, two or four sentences.
func generate(seed, i uint64) string {
	c := chance(seed*0xd1342543de82ef95 + i)
	// A number of seven digits for each i, none twice below nine million: the factor shares no divisor with the modulus.
	number := 1_000_000 + (i%9_000_000*7_368_787+seed%9_000_000)%9_000_000
	sentences := []int{1, 1, 1, 1, 1, 1, 2, 2, 2, 4}[c.of(10)]
	var b strings.Builder
	if c.of(2) == 0 {
		fmt.Fprintf(&b, "Reminder %d: ", number)
		for n := range sentences {
			if n > 0 {
				b.WriteString(" ")
			}
			b.WriteString(english(&c))
		}
		return b.String()
	}
	fmt.Fprintf(&b, "备忘%d：", number)
	for range sentences {
		b.WriteString(chinese(&c))
	}
	return b.String()
}

func english(c *chance) string {
	who := []string{
		"the loan officer", "a patient in ward three", "our branch manager", "the night nurse", "the pharmacist",
		"the family of a patient", "the accountant", "the head of the laboratory", "an intern",
	}
	does := []string{
		"would like to know", "wants a short note about", "needs a clear answer on", "is still waiting to hear",
		"sent a message about", "would be glad to read", "wrote a summary of", "is preparing a talk on",
	}
	what := []string{
		"which papers to bring along on Monday", "how to reset a forgotten card code", "what the words on the discharge letter mean",
		"when the new opening hours begin", "how long a transfer between two banks takes", "where the spare monitors are kept",
		"how the shift plan for next month was made", "which form belongs to the yearly report", "how many beds are free on the second floor",
		"what was decided in the meeting this morning",
	}
	end := []string{".", ", and whom to ask if anything is missing.", " before the weekend.", ", in two or three plain sentences.", ", because the old notes are out of date."}
	s := pick(c, who) + " " + pick(c, does) + " " + pick(c, what) + pick(c, end)
	return strings.ToUpper(s[:1]) + s[1:]
}

func chinese(c *chance) string {
	who := []string{"一位住院患者", "支行经理", "我的同事", "夜班护士", "药剂师", "一位家属", "新来的实习生", "柜台的客户", "会计", "信贷专员", "前台"}
	does := []string{"想了解", "询问", "请我确认", "需要知道", "想写一段说明，介绍", "在会上提到", "希望得到答复："}
	what := []string{
		"办理跨行转账需要准备哪些材料", "这份检查报告里的指标是什么意思", "下个月的排班是怎么安排的",
		"二楼还有多少空床位", "年度报告应该填写哪一张表格", "新的营业时间从哪一天开始", "大厅的打印机什么时候能修好",
		"停车证应该找哪个部门办理", "今天早上的会议作了什么决定", "复查之前要不要空腹", "备用的监护仪放在什么地方",
	}
	end := []string{"。", "，如果缺少材料应该找谁。", "，最好在周末之前答复。", "，请用两三句话说明。", "，因为以前的记录已经过时了。"}
	return pick(c, who) + pick(c, does) + pick(c, what) + pick(c, end)
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}
