package access

// KeyCovers says whether p's key leaves room for the model: always where p came without a key or the key names no models.
// It is for showing results; what may be run is Enter's to decide.
func KeyCovers(p Principal, model string) bool { return modelInScope(p.KeyModels, model) }

// KeyAway says that p came by a key from an address that the key is not good from: nothing is open to it then, not even what
// needs no right. Enter refuses it by itself.
func KeyAway(p Principal) bool { return p.Kind == KindKey && !keyComesFrom(p, p.Origin.IP) }
