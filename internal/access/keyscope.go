package access

// KeyCovers says whether p's key leaves room for the model: always where p came without a key or the key names no models.
// It is for showing results; what may be run is Enter's to decide.
func KeyCovers(p Principal, model string) bool { return modelInScope(p.KeyModels, model) }
