package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"guardhouse/internal/bench"
	"guardhouse/internal/config"
	"guardhouse/internal/fault"
)

type benchFlags struct {
	o                                 bench.Options
	self                              bench.Self
	template                          templateFlags
	api, keyFile, ca, texts           string
	seed                              uint64
	repeat                            uint64
	distinct, leadIn, requestsBounded bool
}

// environmentKey holds a key for --url. It is no setting of the server, so it is not called like one.
const environmentKey = "GH_KEY"

func newBench(sh *shared) *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure verdicts per second and latency, of this program or of the server at a URL", Args: cobra.NoArgs,
		Long: "Measure verdicts per second and latency.\n" +
			"Without --url it starts this program on a temporary folder with a key of its own and removes both afterwards.\n" +
			"With --url it speaks to a running server, with the key in --key-file or in " + environmentKey + "; every verdict is then in its audit log.\n" +
			"The same seed gives the same texts. Rounds are interleaved; each client has one request in flight on one open connection.",
		Example: "  guardhouse bench --clients 1,4,16\n" +
			"  guardhouse bench --url https://localhost:8443 --ca guardhouse-data/tls/ca.pem --key-file bench.key\n" +
			"  guardhouse bench --url http://127.0.0.1:8080 --api completions --lead-in --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.requestsBounded = f.o.Requests > 0 && !cmd.Flags().Changed("duration")
			if cmd.Flags().Changed("distinct") && f.distinct == (f.repeat > 0) {
				return usageError{errors.New("texts are either --distinct or --repeat N of them")}
			}
			if cmd.Flags().Changed("seed") && f.texts != "" {
				return usageError{errors.New("--seed is of the generated texts, and --texts brings others")}
			}
			if f.leadIn && !cmd.Flags().Changed("max-tokens") {
				f.o.MaxTok = 1
			}
			return sh.bench(cmd.Context(), f)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&sh.json, "json", false, "print JSON with every round, the settings and the machine")
	return cmd
}

func (f *benchFlags) register(cmd *cobra.Command) {
	s := cmd.Flags()
	s.StringVar(&f.o.URL, "url", "", "the server to measure (default: this program, on a temporary folder)")
	s.StringVar(&f.keyFile, "key-file", "", "file with the key for --url, readable by its owner alone; - for standard input (default: "+environmentKey+" in the environment)")
	s.StringVar(&f.ca, "ca", "", "authority to trust for --url, a PEM file (Guardhouse's own: tls/ca.pem in its data folder)")
	s.StringVar(&f.api, "api", string(bench.Moderations), fmt.Sprintf("what is asked, one of %v", bench.APIs()))
	s.StringVar(&f.o.Model, "model", "", "model id (default: the server's)")
	s.StringVar(&f.o.Extra, "extra", "", "a JSON object whose members go into every request")
	s.IntSliceVar(&f.o.Clients, "clients", []int{1, 4, 16}, "numbers of clients at once")
	s.IntVar(&f.o.Rounds, "rounds", 3, "interleaved rounds; 0 measures the start alone")
	s.DurationVar(&f.o.Duration, "duration", 10*time.Second, "length of a round")
	s.IntVar(&f.o.Requests, "requests", 0, "texts of a round, instead of a length; --duration bounds it then (10m)")
	s.DurationVar(&f.o.Warmup, "warmup", 2*time.Second, "unmeasured load before the first round")
	s.Float64Var(&f.o.Rate, "rate", 0, "texts a second to begin, whether answers come or not; latency counts from the moment a text was due")
	s.DurationVar(&f.o.Timeout, "timeout", time.Minute, "longest wait for one answer")
	s.Uint64Var(&f.seed, "seed", 1, "of the generated texts")
	s.BoolVar(&f.distinct, "distinct", true, "send no text twice")
	s.Uint64Var(&f.repeat, "repeat", 0, "send this many texts over and over, so that verdicts are remembered")
	s.StringVar(&f.texts, "texts", "", "file of texts, one a line or a JSON object with \"input\" or \"text\" a line (default: generated)")
	s.Uint64Var(&f.o.First, "skip", 0, "number of texts to pass over, so that a second run does not send those of the first")
	s.IntVar(&f.o.MaxTok, "max-tokens", 12, "longest answer (completions, chat, ollama)")
	s.BoolVar(&f.leadIn, "lead-in", false, "end the prompt in Safety: and ask for one token (completions, ollama)")
	s.BoolVar(&f.o.Samples, "samples", false, "with --json: every single measurement as well")
	f.template.register(cmd)
	s.StringVar(&f.self.GGUF, "gguf", "", "without --url: import this guard model and judge with it")
	s.IntVar(&f.self.Starts, "starts", 1, "without --url: how many starts to time")
	s.StringVar(&f.self.Scratch, "scratch", "", "without --url: where the temporary folder is made; its disk takes the durable commits")
	s.StringArrayVar(&f.self.Set, "set", nil, "without --url: a setting of the server, such as engine.threads=1 (repeat)")
}

// bench measures and prints. What was measured before an interruption or a failure is printed as well.
func (sh *shared) bench(ctx context.Context, f benchFlags) error {
	if err := sh.benchOptions(&f); err != nil {
		return err
	}
	f.o.Progress = func(r bench.Round) { fmt.Fprintln(sh.err, r) }
	report, err := bench.Run(ctx, f.o)
	if report != nil && (len(report.Rounds) > 0 || len(report.Start) > 0) {
		report.Version = buildInfo()
		printed := report.WriteTable
		if sh.json {
			printed = func(io.Writer) error { return sh.printJSON(report) }
		}
		if err := printed(sh.out); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
		if failed := report.Failed(); err == nil && failed != "" {
			err = errors.New("some requests failed: " + failed)
		}
	}
	if fault.CodeOf(err) == fault.Invalid {
		return usageError{errors.New(oneLine(err))}
	}
	return err
}

// benchOptions turns the flags into options. What is wrong with the flags alone is wrong usage.
func (sh *shared) benchOptions(f *benchFlags) (err error) {
	if sh.data != "" || sh.configFile != "" {
		return usageError{errors.New("bench takes neither --data nor --config: it never touches a folder that is in use (--set KEY=VALUE sets up the server it starts)")}
	}
	f.o.API = bench.API(f.api)
	if f.leadIn && f.o.API != bench.Completions && f.o.API != bench.Ollama {
		return usageError{fmt.Errorf("--lead-in ends a prompt, and --api %s takes none", f.o.API)}
	}
	if f.self.GGUF != "" && f.o.Model != "" {
		return usageError{errors.New("--gguf brings the model that judges: leave --model out")}
	}
	if f.requestsBounded {
		f.o.Duration = 10 * time.Minute
	}
	if f.o.URL == "" {
		if f.keyFile != "" || f.ca != "" {
			return usageError{errors.New("--key-file and --ca go with --url")}
		}
		if f.self.Program, err = os.Executable(); err != nil {
			return fmt.Errorf("finding this program: %w", err)
		}
		f.self.Environ = config.Environ()
		f.o.Self = &f.self
	} else if err := f.remote(sh.in); err != nil {
		return err
	}
	if f.o.Prompt, err = f.template.prompt(f.o.API); err != nil {
		return err
	}
	if f.leadIn {
		f.o.Prompt.LeadIn = "Safety:"
	}
	return f.readTexts()
}

// remote reads what a server at a URL needs.
func (f *benchFlags) remote(in io.Reader) error {
	if f.self.GGUF != "" || f.self.Scratch != "" || len(f.self.Set) > 0 || f.self.Starts != 1 {
		return usageError{errors.New("--gguf, --starts, --scratch and --set are for a server that bench starts: without --url")}
	}
	switch f.keyFile {
	case "":
		f.o.Key = config.Lookup(environmentKey)
	case "-":
		key, err := readPassword(in)
		if err != nil {
			return err
		}
		f.o.Key = key
	default:
		key, err := config.ReadSecretFile(f.keyFile)
		if err != nil {
			return usageError{fmt.Errorf("--key-file: %w", err)}
		}
		f.o.Key = string(key)
	}
	if f.ca == "" {
		return nil
	}
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return usageError{fmt.Errorf("--ca: %w", err)}
	}
	f.o.Roots = x509.NewCertPool()
	if !f.o.Roots.AppendCertsFromPEM(pem) {
		return usageError{errors.New("--ca holds no certificate in PEM form")}
	}
	return nil
}

func (f *benchFlags) readTexts() error {
	f.o.Texts = bench.Generated(f.seed)
	if f.texts != "" {
		file, err := os.Open(f.texts)
		if err != nil {
			return usageError{fmt.Errorf("--texts: %w", err)}
		}
		texts, err := bench.Listed(file, f.texts)
		if err := errors.Join(err, file.Close()); err != nil {
			return usageError{fmt.Errorf("--texts: %s", oneLine(err))}
		}
		f.o.Texts = texts
	}
	if f.repeat > 0 {
		f.o.Texts = f.o.Texts.Repeated(f.repeat)
	}
	return nil
}
