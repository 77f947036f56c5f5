package auth

import "strings"

// maxDevice bounds a program's name in deviceName's answer.
const maxDevice = 40

// word is what stands for a name in a user agent.
type word struct{ sign, name string }

// browsers in the order of asking: later ones pose as earlier ones, so the impostors come first.
func browsers() []word {
	return []word{
		{"Edg", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"MicroMessenger/", "WeChat"},
		{"Vivaldi/", "Vivaldi"},
		{"FxiOS/", "Firefox"},
		{"Firefox/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"Chromium/", "Chromium"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
	}
}

func systems() []word {
	return []word{
		{"OpenHarmony", "HarmonyOS"},
		{"HarmonyOS", "HarmonyOS"},
		{"Android", "Android"},
		{"iPhone", "iOS"},
		{"iPad", "iPadOS"},
		{"CrOS", "ChromeOS"},
		{"Windows", "Windows"},
		{"Mac OS X", "macOS"},
		{"Macintosh", "macOS"},
		{"Linux", "Linux"},
	}
}

// deviceName answers a short name for what sent the user agent: "Firefox on Windows", "python-requests", "" for nothing that
// can be read. It holds letters, digits and a few marks, whatever was sent: people see it beside the button that ends a session.
func deviceName(agent string) string {
	if len(agent) > maxAgentBytes {
		agent = agent[:maxAgentBytes]
	}
	if !strings.HasPrefix(agent, "Mozilla/") {
		return programName(agent)
	}
	browser, system := first(browsers(), agent), first(systems(), agent)
	switch {
	case browser == "":
		return system
	case system == "":
		return browser
	}
	return browser + " on " + system
}

func first(words []word, agent string) string {
	for _, w := range words {
		if strings.Contains(agent, w.sign) {
			return w.name
		}
	}
	return ""
}

// programName answers the first product of agent, without its version: "curl" of "curl/8.4.0", but "OpenAI/Python" whole.
func programName(agent string) string {
	product, _, _ := strings.Cut(agent, " ")
	if name, rest, found := strings.Cut(product, "/"); found && (rest == "" || !isLetter(rest[0])) {
		product = name
	}
	for i := range len(product) {
		if c := product[i]; !isLetter(c) && !isDigit(c) && (i == 0 || !strings.ContainsRune("-_.+/", rune(c))) {
			product = product[:i]
			break
		}
	}
	return strings.TrimRight(cut(product, maxDevice), "-_.+/")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
