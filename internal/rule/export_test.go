package rule

// Values answers how many values a file may hold at most.
func Values(data []byte) int { return values(data) }
