package llamacpp

import _ "github.com/ollama/ollama/llama"
