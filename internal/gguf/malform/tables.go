package malform

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// tables harms the tensor table and what stands behind it.
func tables(p *Parts) (out []Case) {
	for i, t := range p.Table {
		add := func(name string, change func(q *Parts, t *Tensor)) {
			out = append(out, Case{"tensor", t.Name + " " + name, p.With(func(q *Parts) { change(q, &q.Table[i]) }).Join()})
		}
		add("missing", func(q *Parts, _ *Tensor) { q.Table = slices.Delete(q.Table, i, i+1); q.Tensors-- })
		add("twice", func(q *Parts, t *Tensor) { q.Table = append(q.Table, *t); q.Tensors++ })
		add("empty name", func(_ *Parts, t *Tensor) { t.Name = "" })
		add("long name", func(_ *Parts, t *Tensor) { t.Name = strings.Repeat("n", 64) })
		add("name with a NUL", func(_ *Parts, t *Tensor) { t.Name += "\x00weight" })
		add("name not UTF-8", func(_ *Parts, t *Tensor) { t.Name = "\xc3\x28" })
		add("transposed", func(_ *Parts, t *Tensor) { slices.Reverse(t.Dims) })
		add("flat", func(_ *Parts, t *Tensor) { t.Dims = t.Dims[:1] })
		add("four dimensions of 1", func(_ *Parts, t *Tensor) { t.Dims = append(t.Dims, 1, 1, 1)[:4] })
		add("five dimensions", func(_ *Parts, t *Tensor) { t.Dims = append(t.Dims, 1, 1, 1, 1)[:5] })
		add("no dimensions", func(_ *Parts, t *Tensor) { t.Dims = nil })
		add("a trailing 1", func(_ *Parts, t *Tensor) { t.Dims = append(t.Dims, 1) })
		for _, dims := range [][]uint64{{1 << 33, 1 << 33}, {1 << 63, 2}, {1 << 32, 1 << 32, 2}, {math.MaxUint64, 1}, {32, 1<<59 + 1}, {1 << 62, 4}} {
			add(fmt.Sprint("of ", dims), func(_ *Parts, t *Tensor) { t.Dims = dims })
		}
		for kind := uint32(0); kind < 44; kind++ {
			if kind != t.Kind {
				add(fmt.Sprintf("of type %d", kind), func(_ *Parts, t *Tensor) { t.Kind = kind })
			}
		}
	}
	for _, b := range []byte{0xff, 0x7f, 0x7c, 0xfc, 0x01} {
		full := p.With(func(q *Parts) { q.Data = slices.Repeat([]byte{b}, len(q.Data)) })
		out = append(out, Case{"tensor", fmt.Sprintf("all weights of %#x", b), full.Join()})
	}
	return out
}

// cuts ends a file early in many places, and lets others go on behind their end.
func cuts(sound []byte) (out []Case) {
	n := len(sound)
	places := []int{0, 1, 3, 4, 5, 7, 8, 12, 15, 16, 20, 23, 24, 25, 31, 32, 33}
	for i := range 64 {
		places = append(places, n*i/64, n-1-i*i)
	}
	slices.Sort(places)
	for _, at := range slices.Compact(places) {
		if at >= 0 && at < n {
			out = append(out, Case{"truncated", fmt.Sprintf("after %d bytes", at), sound[:at]})
		}
	}
	for _, more := range []int{1, 31, 32, 33, 64, 4096, 1 << 20} {
		out = append(out, Case{"truncated", fmt.Sprintf("%d bytes more", more), append(slices.Clone(sound), make([]byte, more)...)})
	}
	return out
}

// splits says that the file is a part of several.
func splits(p *Parts) (out []Case) {
	u16 := func(n uint16) []byte { return binary.LittleEndian.AppendUint16(nil, n) }
	for _, of := range []uint16{0, 1, 2, 3, 100, 999, math.MaxUint16} {
		for _, no := range []uint16{0, 1, 2, 99, math.MaxUint16} {
			for _, total := range []int32{-1, 0, 1, 13, math.MaxInt32} {
				q := p.With(func(q *Parts) {
					q.Set("split.count", 2, u16(of))
					q.Set("split.no", 2, u16(no))
					q.Set("split.tensors.count", 5, binary.LittleEndian.AppendUint32(nil, uint32(total)))
				})
				out = append(out, Case{"split", fmt.Sprintf("%d of %d with %d", no, of, total), q.Join()})
			}
		}
	}
	return out
}

// foreign are beginnings of other kinds of files, and of a GGUF in another guise.
func foreign() (out []Case) {
	for name, head := range map[string]string{
		"PNG": "\x89PNG\r\n\x1a\n", "JPEG": "\xff\xd8\xff\xe0\x00\x10JFIF", "GIF": "GIF89a", "WebP": "RIFF\x00\x00\x01\x00WEBP", "TIFF": "II*\x00", "TIFF, big": "MM\x00*", "BMP": "BM",
		"PDF": "%PDF-1.7\n", "ZIP": "PK\x03\x04", "empty ZIP": "PK\x05\x06", "gzip": "\x1f\x8b\x08\x00", "xz": "\xfd7zXZ\x00", "zstd": "\x28\xb5\x2f\xfd", "bzip2": "BZh9", "7z": "7z\xbc\xaf\x27\x1c",
		"RAR": "Rar!\x1a\x07\x01\x00", "ELF": "\x7fELF\x02\x01\x01", "PE": "MZ\x90\x00", "Mach-O": "\xcf\xfa\xed\xfe", "Java": "\xca\xfe\xba\xbe", "WebAssembly": "\x00asm\x01\x00\x00\x00",
		"SQLite": "SQLite format 3\x00", "HDF5": "\x89HDF\r\n\x1a\n", "NumPy": "\x93NUMPY\x01\x00", "pickle": "\x80\x04\x95", "ONNX": "\x08\x07\x12\x07pytorch", "TFLite": "\x1c\x00\x00\x00TFL3",
		"safetensors": "\x40\x00\x00\x00\x00\x00\x00\x00{\"__metadata__\":{\"format\":\"pt\"}}", "safetensors, huge": "\xff\xff\xff\xff\xff\xff\xff\x7f{", "old GGML": "lmgg\x00\x00\x00\x00", "GGJT": "tjgg\x03\x00\x00\x00",
		"GGLA": "algg\x01\x00\x00\x00", "GGUF of the other end": "FUGG\x00\x00\x00\x03", "gguf in small letters": "gguf\x03\x00\x00\x00", "GGUF behind a mark": "\xef\xbb\xbfGGUF\x03\x00\x00\x00",
		"GGUF behind a line": "\nGGUF\x03\x00\x00\x00", "GGUF in 16 bits": "G\x00G\x00U\x00F\x00", "LFS pointer": "version https://git-lfs.github.com/spec/v1\noid sha256:", "HTML": "<!DOCTYPE html><title>404</title>",
		"JSON": "{\"error\":\"Repository not found\"}", "XML": "<?xml version=\"1.0\"?>", "YAML": "---\nmodel: x\n", "shell": "#!/bin/sh\nrm -rf /\n", "Python": "#!/usr/bin/env python3\nimport os\n", "MP4": "\x00\x00\x00\x18ftypmp42",
		"WAV": "RIFF\x24\x00\x00\x00WAVEfmt ", "Ogg": "OggS", "MP3": "ID3\x04", "tar": "model.gguf\x00", "DICOM": strings.Repeat("\x00", 128) + "DICM", "text of 16 bits": "\xff\xfeh\x00i\x00", "certificate": "-----BEGIN CERTIFICATE-----\n",
		"GGUF and nothing": "GGUF\x03\x00\x00\x00", "GGUF of ones": "GGUF" + strings.Repeat("\xff", 60), "GGUF of zeros": "GGUF" + strings.Repeat("\x00", 60),
	} {
		for _, tail := range []int{0, 4096} {
			out = append(out, Case{"foreign", fmt.Sprintf("%s and %d bytes", name, tail), append([]byte(head), make([]byte, tail)...)})
		}
	}
	return out
}

// templates are programs that a chat template may not be.
func templates(p *Parts) (out []Case) {
	for _, src := range []string{
		"{% include '/etc/passwd' %}", "{% import 'os' as os %}", "{% from 'x' import y %}", "{% extends 'base' %}", "{% macro f() %}{% endmacro %}{{ f() }}", "{% call f() %}{% endcall %}",
		"{{ messages.__class__ }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ cycler.__init__.__globals__.os.popen('id').read() }}", "{{ self._TemplateReference__context }}", "{{ config }}", "{{ request.application }}",
		"{{ lipsum.__globals__ }}", "{{ namespace.__init__ }}", "{{ messages|attr('__class__') }}", "{{ messages|map(attribute='__class__')|list }}", "{{ joiner() }}", "{{ range(10**9)|list }}",
		"{% for a in range(1000000000) %}{% for b in range(1000000000) %}x{% endfor %}{% endfor %}", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "{{ 'x' * 1000000000 }}", "{{ 'x' ~ 'y' * 10000000 }}",
		"{% set x = 'aaaaaaaaaa' %}" + strings.Repeat("{% set x = x ~ x %}", 40) + "{{ x }}", "{% set x = [1] %}" + strings.Repeat("{% set x = [x, x] %}", 60) + "{{ x }}", strings.Repeat("{% if true %}", 2000), strings.Repeat("(", 5000),
		"{{ " + strings.Repeat("(", 3000) + "1" + strings.Repeat(")", 3000) + " }}", "{{ " + strings.Repeat("-", 5000) + "1 }}", "{{ " + strings.Repeat("not ", 5000) + "1 }}", "{{ 1" + strings.Repeat("+1", 50_000) + " }}",
		"{{ messages[99999999999999999999] }}", "{{ messages[-9223372036854775808] }}", "{{ 1 / 0 }}", "{{ 1 % 0 }}", "{{ 9223372036854775807 + 1 }}", "{{ 'a'[5] }}", "{{ undefined.x.y }}", "{{ raise_exception('no') }}", "{{ strftime_now('%Y') }}",
		"{{", "{%", "{#", "{% if %}", "{% for %}", "{% endfor %}", "{{ 'unterminated }}", "{% raw %}", "{{ 1 | nofilter }}", "{{ 1 is notest }}", "", " ", "\x00", "\xff", strings.Repeat("a", 1<<20), "fixed words and no message",
		"{{ messages[0].content }}", "{{ messages[-1].content[:10] }}", "{% for m in messages %}{{ m.role }}{% endfor %}", "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}", "{{ messages|tojson }}", "{{ messages }}",
		"{% filter upper %}x{% endfilter %}", "{% autoescape true %}{% endautoescape %}", "{% do messages.append(1) %}", "{% while true %}{% endwhile %}", "{% trans %}x{% endtrans %}", "{% debug %}", "{{ debug() }}", "{{ open('/etc/passwd').read() }}",
	} {
		q := p.With(func(q *Parts) { q.Set("tokenizer.chat_template", 8, Text(src)) })
		out = append(out, Case{"template", fmt.Sprintf("%.40q", src), q.Join()})
	}
	return out
}
