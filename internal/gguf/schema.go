package gguf

import "strings"

// shape is the type that C expects under a key. C casts without looking (token types) or aborts
// (alignment), so a wrong type is refused here for every key it reads.
type shape struct {
	kind Kind
	elem []Kind // allowed element kinds when the value is an array
	both bool   // scalar of kind or array of elem
}

func scalar(k Kind) shape { return shape{kind: k} }

func arrayOf(e ...Kind) shape { return shape{kind: KindArray, elem: e} }

func (s shape) accepts(v Value) bool {
	if v.Kind != KindArray {
		return v.Kind == s.kind
	}
	if s.kind != KindArray && !s.both {
		return false
	}
	for _, e := range s.elem {
		if v.Elem == e {
			return true
		}
	}
	return false
}

// checkSchema refuses a missing architecture, every known key of a wrong type, and a part of several.
func checkSchema(kv map[string]Value) error {
	if err := checkTypes(kv); err != nil {
		return err
	}
	return checkSplit(kv)
}

// checkTypes refuses a missing architecture and every known key of a wrong type.
func checkTypes(kv map[string]Value) error {
	a := kv["general.architecture"]
	if a.Kind != KindString || a.str == "" {
		return refuse("general.architecture is missing or is no text")
	}
	if !plainName(a.str) {
		return refuse("general.architecture is no plain name")
	}
	return checkKeys(kv, a.str)
}

// checkKeys refuses every key of a wrong type that is known in general or of the architecture.
func checkKeys(kv map[string]Value, arch string) error {
	fixed, own := generalSchema(), architectureSchema()
	for key, v := range kv {
		want, known := fixed[key]
		if suffix, mine := strings.CutPrefix(key, arch+"."); !known && mine {
			want, known = own[suffix]
		}
		if !known {
			want, key, known = family(key)
		}
		if known && !want.accepts(v) {
			return refuse("the value of %s has a wrong type", key)
		}
	}
	return nil
}

// checkSplit refuses parts of a model that was cut into several files.
func checkSplit(kv map[string]Value) error {
	if c, ok := kv["split.count"]; ok && c.bits > 1 {
		return refuse("it is one part of a model in several files: import the first, and keep their names")
	}
	if n, ok := kv["split.no"]; ok && n.bits != 0 {
		return refuse("it is one part of a model in several files: import the first, and keep their names")
	}
	return nil
}

// family matches keys whose last part is free, and answers a name that is safe to show.
func family(key string) (want shape, name string, known bool) {
	switch {
	case strings.HasPrefix(key, "tokenizer.chat_template."):
		return scalar(KindString), "tokenizer.chat_template.*", true
	case strings.HasPrefix(key, "tokenizer.ggml.") && strings.HasSuffix(key, "_token_id"):
		return scalar(KindUint32), "tokenizer.ggml.*_token_id", true
	}
	return shape{}, "", false
}

// plainName says whether s is made of lower-case letters, digits, '-' and '_' and is short.
func plainName(s string) bool {
	if len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func generalSchema() map[string]shape {
	m := map[string]shape{
		"general.alignment":            scalar(KindUint32),
		"general.file_type":            scalar(KindUint32),
		"general.quantization_version": scalar(KindUint32),
		"split.count":                  scalar(KindUint16),
		"split.no":                     scalar(KindUint16),
		"split.tensors.count":          scalar(KindInt32),

		"tokenizer.ggml.tokens":               arrayOf(KindString),
		"tokenizer.ggml.merges":               arrayOf(KindString),
		"tokenizer.ggml.scores":               arrayOf(KindFloat32),
		"tokenizer.ggml.token_type":           arrayOf(KindInt32),
		"tokenizer.ggml.precompiled_charsmap": arrayOf(KindInt8, KindUint8),
		"tokenizer.ggml.token_type_count":     scalar(KindUint32),
		"tokenizer.chat_templates":            arrayOf(KindString),

		"general.sampling.top_k":             scalar(KindInt32),
		"general.sampling.penalty_last_n":    scalar(KindInt32),
		"general.sampling.mirostat":          scalar(KindInt32),
		"adapter.lora.alpha":                 scalar(KindFloat32),
		"adapter.alora.invocation_tokens":    arrayOf(KindUint32),
		"xielu.alpha_n":                      {kind: KindFloat32, elem: []Kind{KindFloat32}, both: true},
		"xielu.alpha_p":                      {kind: KindFloat32, elem: []Kind{KindFloat32}, both: true},
		"xielu.beta":                         {kind: KindFloat32, elem: []Kind{KindFloat32}, both: true},
		"xielu.eps":                          {kind: KindFloat32, elem: []Kind{KindFloat32}, both: true},
		"guardhouse.text_normalization":      scalar(KindString),
		"guardhouse.calibration.temperature": scalar(KindFloat32),
		"general.sampling.xtc_probability":   scalar(KindFloat32),
	}
	each(m, scalar(KindString), "general.architecture", "general.type", "general.name", "general.author",
		"general.version", "general.url", "general.description", "general.license", "general.source.url",
		"general.source.huggingface.repository", "general.sampling.sequence", "tokenizer.ggml.model",
		"tokenizer.ggml.pre", "tokenizer.huggingface.json", "tokenizer.rwkv.world", "tokenizer.chat_template",
		"adapter.type", "adapter.lora.task_name", "adapter.lora.prompt_prefix")
	each(m, scalar(KindFloat32), "general.sampling.top_p", "general.sampling.min_p",
		"general.sampling.xtc_threshold", "general.sampling.temp", "general.sampling.penalty_repeat",
		"general.sampling.mirostat_tau", "general.sampling.mirostat_eta")
	each(m, scalar(KindBool), "tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token",
		"tokenizer.ggml.add_sep_token", "tokenizer.ggml.add_space_prefix", "tokenizer.ggml.remove_extra_whitespaces")
	return m
}

func architectureSchema() map[string]shape {
	m := map[string]shape{
		"rope.dimension_sections":  arrayOf(KindInt32, KindUint32),
		"classifier.output_labels": arrayOf(KindString),
	}
	each(m, shape{kind: KindUint32, elem: []Kind{KindUint32, KindInt32}, both: true},
		"feed_forward_length", "attention.head_count", "attention.head_count_kv")
	each(m, scalar(KindUint32), "vocab_size", "context_length", "embedding_length", "features_length",
		"block_count", "leading_dense_block_count", "expert_feed_forward_length",
		"expert_shared_feed_forward_length", "expert_count", "expert_used_count", "expert_shared_count",
		"expert_group_count", "expert_group_used_count", "expert_gating_func", "n_deepstack_layers",
		"pooling_type", "attention.key_length", "attention.value_length", "attention.sliding_window",
		"rope.dimension_count", "rope.scaling.original_context_length", "decoder_start_token_id",
		"moe_every_n_layers", "nextn_predict_layers")
	each(m, scalar(KindFloat32), "attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon",
		"attention.group_norm_epsilon", "attention.max_alibi_bias", "attention.clamp_kqv", "attention.scale",
		"attention.output_scale", "rope.freq_base", "rope.scale_linear", "rope.scaling.factor",
		"rope.scaling.attn_factor", "rope.scaling.yarn_log_multiplier", "rope.scaling.yarn_ext_factor",
		"rope.scaling.yarn_attn_factor", "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
		"logit_scale", "residual_scale", "embedding_scale", "attn_logit_softcapping",
		"final_logit_softcapping", "expert_weights_scale")
	each(m, scalar(KindString), "rope.scaling.type", "tensor_data_layout")
	each(m, scalar(KindBool), "rope.scaling.finetuned", "attention.causal", "use_parallel_residual",
		"expert_weights_norm", "swin_norm")
	return m
}

func each(m map[string]shape, s shape, keys ...string) {
	for _, k := range keys {
		m[k] = s
	}
}
