package embed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/pipeline/backoff"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// RemoteConfig says where the vectors come from.
type RemoteConfig struct {
	// URL of an OpenAI-compatible server: http://host:port, to which
	// /v1/embeddings is added, or the whole address that ends in /embeddings.
	URL     string
	Model   string         // sent along; may be empty where the server has one only
	Key     string         // sent as a bearer token; may be empty
	Batch   int            // texts in one request; 0 means 64
	Timeout time.Duration  // of one request; 0 means 30 s
	Retry   backoff.Policy // the zero value means backoff.Default
}

// Remote embeds by asking a server. Any number of goroutines may share one.
type Remote struct {
	cfg  RemoteConfig
	url  string
	http *http.Client
}

// NewRemote makes an embedder of the server; it is not asked yet. Close it.
func NewRemote(cfg RemoteConfig) (*Remote, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("embedder %q: it is no address of a server; write http://host:port", cfg.URL)
	}
	if !strings.HasSuffix(u.Path, "/embeddings") {
		u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v1") + "/v1/embeddings"
	}
	if cfg.Batch == 0 {
		cfg.Batch = 64
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Retry == (backoff.Policy{}) {
		cfg.Retry = backoff.Default()
	}
	if cfg.Batch < 0 || cfg.Timeout < 0 {
		return nil, fmt.Errorf("embedder %s: batches of %d and a time-out of %s cannot be", u.Redacted(), cfg.Batch, cfg.Timeout)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	return &Remote{cfg: cfg, url: u.String(), http: &http.Client{Transport: transport}}, nil
}

// Embed returns one vector a chunk, in the order of the chunks, as the server
// made them, in batches; it tries again what failed for the time being.
func (r *Remote) Embed(ctx context.Context, chunks []text.Chunk) ([]Vector, error) {
	vectors := make([]Vector, 0, len(chunks))
	for begin := 0; begin < len(chunks); begin += r.cfg.Batch {
		batch := chunks[begin:min(begin+r.cfg.Batch, len(chunks))]
		body, err := r.request(batch)
		if err != nil {
			return nil, fmt.Errorf("ask for embeddings: %w", err)
		}
		var got []Vector
		err = r.cfg.Retry.Do(ctx, func(ctx context.Context) error {
			got, err = r.ask(ctx, body, len(batch))
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("ask for embeddings: %w", err)
		}
		vectors = append(vectors, got...)
	}
	for i, v := range vectors {
		if len(v) != len(vectors[0]) {
			return nil, fmt.Errorf("ask for embeddings: vector %d has %d dimensions, the first has %d", i, len(v), len(vectors[0]))
		}
	}
	return vectors, nil
}

func (r *Remote) request(chunks []text.Chunk) ([]byte, error) {
	q := struct {
		Input []string `json:"input"`
		Model string   `json:"model,omitempty"`
	}{make([]string, len(chunks)), r.cfg.Model}
	for i, c := range chunks {
		q.Input[i] = c.Text
	}
	return json.Marshal(q)
}

// ask sends one request and reads n vectors from the answer.
func (r *Remote) ask(ctx context.Context, body []byte, n int) ([]Vector, error) {
	attempt, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	q, err := http.NewRequestWithContext(attempt, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/json")
	if r.cfg.Key != "" {
		q.Header.Set("Authorization", "Bearer "+r.cfg.Key)
	}
	resp, err := r.http.Do(q)
	if err != nil {
		// The connection: refused, reset, too slow. All of that may pass.
		return nil, &backoff.Temporary{Err: err}
	}
	defer resp.Body.Close()
	if err := backoff.Status(resp, time.Now()); err != nil {
		return nil, withMessage(err, resp.Body)
	}
	vectors, err := decodeVectors(io.LimitReader(resp.Body, int64(n)*maxVectorJSON+4096), n)
	if attempt.Err() != nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &backoff.Temporary{Err: fmt.Errorf("the answer broke off: %w", errors.Join(err, attempt.Err()))}
	}
	return vectors, err
}

// withMessage adds the front of a server's explanation to an error.
func withMessage(err error, body io.Reader) error {
	b, _ := io.ReadAll(io.LimitReader(body, 512)) // for what there is of it
	message := strings.Join(strings.Fields(strings.ToValidUTF8(string(b), "?")), " ")
	if message == "" {
		return err
	}
	var temporary *backoff.Temporary
	if errors.As(err, &temporary) {
		return &backoff.Temporary{Err: fmt.Errorf("%w: %s", temporary.Err, message), After: temporary.After}
	}
	return fmt.Errorf("%w: %s", err, message)
}

// maxDimensions bounds a vector, maxVectorJSON what one takes in an answer.
const (
	maxDimensions = 1 << 16
	maxVectorJSON = maxDimensions * 12
)

// decodeVectors reads {"data":[{"index":0,"embedding":[…]},…]} with n vectors
// in any order.
func decodeVectors(r io.Reader, n int) ([]Vector, error) {
	var answer struct {
		Data []struct {
			Index     *int   `json:"index"`
			Embedding Vector `json:"embedding"`
		} `json:"data"`
	}
	if err := json.NewDecoder(r).Decode(&answer); err != nil {
		return nil, fmt.Errorf("read its answer: %w", err)
	}
	if len(answer.Data) != n {
		return nil, fmt.Errorf("its answer has %d vectors for %d texts", len(answer.Data), n)
	}
	vectors := make([]Vector, n)
	for i, d := range answer.Data {
		at := i
		if d.Index != nil {
			at = *d.Index
		}
		if at < 0 || at >= n || vectors[at] != nil {
			return nil, fmt.Errorf("its answer has index %d twice, or it is not one of %d", at, n)
		}
		if len(d.Embedding) == 0 || len(d.Embedding) > maxDimensions {
			return nil, fmt.Errorf("its answer has a vector of %d dimensions", len(d.Embedding))
		}
		for _, x := range d.Embedding {
			if math.IsInf(float64(x), 0) || math.IsNaN(float64(x)) {
				return nil, errors.New("its answer has a vector with a number that is none")
			}
		}
		vectors[at] = d.Embedding
	}
	return vectors, nil
}

// Close lets the connections go.
func (r *Remote) Close() error {
	r.http.CloseIdleConnections()
	return nil
}
