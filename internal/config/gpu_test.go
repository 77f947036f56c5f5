package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGPUSettings(t *testing.T) {
	c, err := load(t, "", nil, nil)
	require.NoError(t, err)
	require.Equal(t, AllLayers, c.GPULayers)
	require.Equal(t, "/usr/lib/guardhouse", c.GPULibrary)
	sum := strings.Repeat("0a", 32)
	c, err = load(t, "engine: {gpu_layers: 12, gpu_library: /opt/gpu/, gpu_library_sha256: "+sum+"}", nil, nil)
	require.NoError(t, err)
	require.Equal(t, 12, c.GPULayers)
	require.Equal(t, "/opt/gpu", c.GPULibrary)
	require.Equal(t, sum, c.GPUManifest)
	c, err = load(t, "", []string{"GUARDHOUSE_ENGINE_GPU_LAYERS=0"}, nil)
	require.NoError(t, err)
	require.Zero(t, c.GPULayers)
	for yaml, says := range map[string]string{
		"engine: {gpu_layers: all}":                                        "wants auto or a whole number",
		"engine: {gpu_layers: -1}":                                         "wants auto or a whole number",
		"engine: {gpu_library: lib}":                                       "wants an absolute path",
		"engine: {gpu_library_sha256: 0a}":                                 "wants a SHA-256",
		"engine: {gpu_library_sha256: " + strings.ToUpper(sum) + "}":       "wants a SHA-256",
		"engine: {gpu_library_sha256: '" + strings.Repeat("zz", 32) + "'}": "wants a SHA-256",
		"engine: {gpu_layers: 1001}":                                       "wants auto or a whole number",
		"engine: {gpu_library: ''}":                                        "wants an absolute path",
		"engine: {gpu_library: \"/opt/\\0x\"}":                             "NUL",
	} {
		_, err := load(t, yaml, nil, nil)
		require.ErrorContains(t, err, says, yaml)
	}
}

// threat D2: what native code is loaded from stands in the file alone.
func TestTheGPULibraryIsTheFilesToName(t *testing.T) {
	for _, variable := range []string{"GUARDHOUSE_ENGINE_GPU_LIBRARY=/srv/gpu", "GUARDHOUSE_ENGINE_GPU_LIBRARY_SHA256=" + strings.Repeat("0a", 32)} {
		_, err := load(t, "", []string{variable}, nil)
		require.ErrorContains(t, err, "(from environment) is taken from the configuration file alone")
	}
	_, err := load(t, "", nil, map[string]string{"engine.gpu_library": "/srv/gpu"})
	require.ErrorContains(t, err, "(from flag) is taken from the configuration file alone")
}
