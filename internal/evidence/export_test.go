package evidence

// Modules answers what is linked, by name and version.
func (s Software) Modules() map[string]string {
	out := map[string]string{}
	for _, c := range s.modules() {
		out[c.Name] = c.Version
	}
	return out
}

// Packages answers what the console is built of, by name and version, and how many entries there are.
func (s Software) Packages() (map[string]string, int, error) {
	list, err := s.packages()
	out := map[string]string{}
	for _, c := range list {
		out[c.Name] = c.Version
	}
	return out, len(list), err
}

// Page is what a pack says of itself.
func Page() string { return string(page) }
