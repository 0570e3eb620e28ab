package signup

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/outbound"
	"github.com/patchbay/patchbay/internal/seal"
)

// Records is what the store keeps for sign-ups.
type Records interface {
	// StepBinding returns a flow, the connector of one of its steps and how it is called, all of one moment.
	StepBinding(ctx context.Context, tenant string, kind apiconn.UserFlowKind, flow, step string) (apiconn.Binding, error)
	// Journey returns the record under key, nil if there is none that still counts.
	Journey(ctx context.Context, tenant, key string, now time.Time) (*apiconn.Journey, error)
	// RecordInvocation writes a receipt and, with it, the journey's decision. If the key is taken it writes nothing and
	// returns the journey that has it.
	RecordInvocation(ctx context.Context, inv apiconn.Invocation, j *apiconn.Journey) (*apiconn.Journey, error)
	Invocation(ctx context.Context, tenant, id string) (apiconn.Invocation, error)
	Invocations(ctx context.Context, tenant string, q apiconn.Query) (apiconn.Page[apiconn.Invocation], error)
	// CredentialStates returns those of the (tenant, connector) pairs that are still there, without their secrets.
	CredentialStates(ctx context.Context, refs [][2]string) (map[[2]string]apiconn.Binding, error)
}

// Options say how steps run.
type Options struct {
	Records  Records
	Opener   seal.Opener
	Journal  seal.Journal
	Outbound *outbound.Client
	Log      *slog.Logger
	Now      func() time.Time // UTC, truncated to microseconds

	Profile       apiconn.CallProfile // of connectors that have none of their own; "": ProfileEntra
	MaxBudget     time.Duration       // no step takes longer, whatever a connector's settings say; 0: apiconn.MaxBudget
	ExtensionsApp string              // id of the application that extension attributes belong to; "": one per tenant, made of its id
	AllowHTTP     bool                // a replay may go to http://: development only
	KeepValues    bool                // receipts hold the claims' values
	Kept          time.Duration       // how long receipts, and so decisions, are kept
}

// Service runs steps. Safe for concurrent use.
type Service struct {
	Options
	pairs   *otter.Cache[[sha256.Size]byte, *tls.Certificate] // opened client certificates, by owner and ciphertext
	flights flights
}

// maxPairs bounds the opened client certificates in memory; pairsKept is how long one stays there unused.
const (
	maxPairs  = 4096
	pairsKept = 10 * time.Minute
)

// New makes a Service.
func New(o Options) (*Service, error) {
	o.Profile = cmp.Or(o.Profile, apiconn.ProfileEntra)
	o.MaxBudget = cmp.Or(o.MaxBudget, apiconn.MaxBudget)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	pairs, err := otter.New(&otter.Options[[sha256.Size]byte, *tls.Certificate]{
		MaximumSize:      maxPairs,
		ExpiryCalculator: otter.ExpiryAccessing[[sha256.Size]byte, *tls.Certificate](pairsKept),
	})
	if err != nil {
		return nil, err
	}
	return &Service{Options: o, pairs: pairs, flights: flights{under: map[string]*flight{}}}, nil
}

// extensionsNamespace makes an extensions application's id out of a tenant's.
var extensionsNamespace = uuid.MustParse("6f1d3c52-8d0e-5b8e-9a43-2f2d51b0c6a7")

// extensionsApp is the id of the application that the tenant's extension attributes belong to, as it stands in their
// names: 32 lower-case hex digits (runtime contract 5.2).
func (s *Service) extensionsApp(tenant string) string {
	id := s.ExtensionsApp
	if id == "" {
		id = uuid.NewSHA1(extensionsNamespace, []byte(tenant)).String()
	}
	return strings.ToLower(strings.ReplaceAll(id, "-", ""))
}

// kindOf tells the kind of a user flow by its id.
func kindOf(flow string) (apiconn.UserFlowKind, bool) {
	for _, kind := range []apiconn.UserFlowKind{apiconn.B2X, apiconn.B2C} {
		if strings.HasPrefix(flow, kind.Prefix()) {
			return kind, true
		}
	}
	return "", false
}
