package gguf

// Ranges that the engine's loader and first graph hold without an assertion, see CheckLlama.
const (
	maxBlocks    = 512 // LLAMA_MAX_LAYERS
	maxContext   = 1 << 20
	maxEmbedding = 1 << 17
	maxFeed      = 1 << 20
	maxHeads     = 1024
	maxHeadSize  = 1024
	maxVocab     = 1 << 19
	maxSpecial   = 256     // bytes of a token that templates are searched for
	maxFileType  = 1 << 10 // the engine's flag for a type that it guessed, the last number of its enumeration
	maxScale     = 4096    // of rotary angles, either way
	quantVersion = 2       // GGML_QNT_VERSION: how the engine reads blocks
)

// hyper holds the checked hyper-parameters of a text model.
type hyper struct {
	arch                              string
	blocks, embedding, feed           uint64
	heads, headsKV, headSize, context uint64
	vocab                             uint64
}

// CheckLlama answers nil when the engine can load the file as a text model without an assertion:
// a supported architecture, hyper-parameters in range, a byte-level vocabulary that is whole, and
// exactly the tensors that the architecture asks for, with the right shapes and types.
func (f *File) CheckLlama() error {
	h := hyper{arch: f.Architecture()}
	switch h.arch {
	case "qwen3", "qwen3vl", "qwen2", "llama":
	default:
		return refuse("only the architectures qwen3, qwen3vl, qwen2 and llama are supported as text models")
	}
	if err := f.claims(); err != nil {
		return err
	}
	if err := f.sizes(&h); err != nil {
		return err
	}
	if err := f.numbers(h); err != nil {
		return err
	}
	if err := f.checkVocab(&h); err != nil {
		return err
	}
	return f.checkTensors(h)
}

// need answers an integer key of the architecture in [low, high].
func (f *File) need(h *hyper, key string, low, high uint64) (uint64, error) {
	n, ok := f.Uint(h.arch + "." + key)
	if !ok {
		return 0, refuse("%s is missing or is no single number", key)
	}
	if n < low || n > high {
		return 0, refuse("%s is not between %d and %d", key, low, high)
	}
	return n, nil
}

// optional is need for a key that has a default.
func (f *File) optional(h *hyper, key string, low, high, fallback uint64) (uint64, error) {
	if _, ok := f.KV[h.arch+"."+key]; !ok {
		return fallback, nil
	}
	return f.need(h, key, low, high)
}

func (f *File) sizes(h *hyper) (err error) {
	for _, r := range []struct {
		key       string
		low, high uint64
		to        *uint64
	}{
		{"block_count", 1, maxBlocks, &h.blocks},
		{"context_length", 1, maxContext, &h.context},
		{"embedding_length", 1, maxEmbedding, &h.embedding},
		{"feed_forward_length", 1, maxFeed, &h.feed},
		{"attention.head_count", 1, maxHeads, &h.heads},
	} {
		if *r.to, err = f.need(h, r.key, r.low, r.high); err != nil {
			return err
		}
	}
	if h.headsKV, err = f.optional(h, "attention.head_count_kv", 1, maxHeads, h.heads); err != nil {
		return err
	}
	if h.heads%h.headsKV != 0 {
		return refuse("attention.head_count is no multiple of attention.head_count_kv")
	}
	return f.headSizes(h)
}

func (f *File) headSizes(h *hyper) (err error) {
	fallback := h.embedding / h.heads
	if _, ok := f.KV[h.arch+".attention.key_length"]; !ok && h.embedding%h.heads != 0 {
		return refuse("embedding_length is no multiple of attention.head_count")
	}
	if h.headSize, err = f.optional(h, "attention.key_length", 2, maxHeadSize, fallback); err != nil {
		return err
	}
	if h.headSize < 2 || h.headSize > maxHeadSize || h.headSize%2 != 0 {
		return refuse("the head size is odd or out of range: rotary pairs are impossible")
	}
	value, err := f.optional(h, "attention.value_length", 2, maxHeadSize, fallback)
	if err != nil {
		return err
	}
	rotary, err := f.optional(h, "rope.dimension_count", 2, maxHeadSize, h.headSize)
	if err != nil {
		return err
	}
	if value != h.headSize || rotary != h.headSize {
		return refuse("key, value and rotary sizes of a head differ")
	}
	return f.unused(h)
}

// unused refuses values that would switch on parts of the engine that a text model of these
// architectures does not have (experts) or that we do not want (pooling: no logits).
func (f *File) unused(h *hyper) error {
	for _, key := range []string{
		"expert_count", "expert_used_count", "expert_group_count", "expert_group_used_count",
		"pooling_type", "attention.sliding_window",
	} {
		if _, err := f.optional(h, key, 0, 0, 0); err != nil {
			return err
		}
	}
	if _, ok := f.KV[h.arch+".classifier.output_labels"]; ok {
		return refuse("it is a classifier, not a text model")
	}
	if causal, ok := f.Bool(h.arch + ".attention.causal"); ok && !causal {
		return refuse("attention.causal is false: it is no text model")
	}
	if h.arch != "qwen3vl" {
		return nil
	}
	if _, err := f.optional(h, "n_deepstack_layers", 0, h.blocks, 0); err != nil {
		return err
	}
	return f.sections(h)
}

// sections checks the M-RoPE sections: four numbers whose sum is half a head.
func (f *File) sections(h *hyper) error {
	s, ok := f.Ints(h.arch + ".rope.dimension_sections")
	if !ok || len(s) != 4 {
		return refuse("rope.dimension_sections must be four numbers")
	}
	sum := int64(0)
	for _, n := range s {
		if n < 0 || n > maxHeadSize {
			return refuse("rope.dimension_sections are out of range")
		}
		sum += n
	}
	if sum <= 0 || uint64(sum)*2 > h.headSize {
		return refuse("rope.dimension_sections do not fit the head size")
	}
	return nil
}

// claims checks what the file says of itself as a whole, to the engine and to us.
func (f *File) claims() error {
	if t, ok := f.String("general.type"); ok && t != "model" {
		return refuse("general.type is not model: an adapter, a projector or a matrix is no model by itself")
	}
	if n, ok := f.Uint("general.file_type"); ok && n >= maxFileType {
		return refuse("general.file_type is not below %d", maxFileType)
	}
	if n, ok := f.Uint("general.quantization_version"); ok && n != quantVersion && f.quantized() {
		return refuse("general.quantization_version is not %d: its blocks would be read as other numbers", quantVersion)
	}
	if t, ok := f.Float("guardhouse.calibration.temperature"); ok && (t < 0.05 || t > 20) {
		return refuse("guardhouse.calibration.temperature is not between 0.05 and 20")
	}
	if t, ok := f.String("guardhouse.text_normalization"); ok && t != "nfc" && t != "nfkc" && t != "nfkc_fold" {
		return refuse("guardhouse.text_normalization is not nfc, nfkc or nfkc_fold")
	}
	return nil
}

// numbers checks the floating-point parameters: an epsilon below 0 aborts, a rope base of 0 answers NaN, and with a scale
// next to 0 the angles are noise.
func (f *File) numbers(h hyper) error {
	eps, ok := f.Float(h.arch + ".attention.layer_norm_rms_epsilon")
	if !ok || eps <= 0 || eps > 1 {
		return refuse("attention.layer_norm_rms_epsilon is missing, or not above 0 and at most 1")
	}
	for _, r := range []struct {
		key       string
		low, high float64
	}{
		{"rope.freq_base", 1, 1e12},
		{"rope.scaling.factor", 1.0 / maxScale, maxScale},
		{"rope.scale_linear", 1.0 / maxScale, maxScale},
		{"rope.scaling.attn_factor", 1.0 / maxScale, maxScale},
		{"rope.scaling.yarn_log_multiplier", 0, maxScale},
		{"rope.scaling.yarn_ext_factor", -1, maxScale},
		{"rope.scaling.yarn_attn_factor", 0, maxScale},
		{"rope.scaling.yarn_beta_fast", 0, maxScale},
		{"rope.scaling.yarn_beta_slow", 0, maxScale},
	} {
		if v, ok := f.Float(h.arch + "." + r.key); ok && (v < r.low || v > r.high) {
			return refuse("%s is out of range", r.key)
		}
	}
	if t, ok := f.String(h.arch + ".rope.scaling.type"); ok && t != "none" && t != "linear" && t != "yarn" {
		return refuse("rope.scaling.type is not none, linear or yarn")
	}
	_, err := f.optional(&h, "rope.scaling.original_context_length", 1, maxContext, 0)
	return err
}
