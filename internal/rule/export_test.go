package rule

// AtMost is what Fits counts for the rules, in bytes and in values.
func AtMost(rules []Rule, name func(Principal) string) (bytes, count int) {
	bytes, count = fileBytes, fileValues
	for i := range rules {
		b, n := rules[i].atMost(name)
		bytes, count = bytes+b, count+n
	}
	return bytes, count
}

// Values answers how many values a file may hold at most.
func Values(data []byte) int { return values(data) }
