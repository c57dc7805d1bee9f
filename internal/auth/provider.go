package auth

import (
	"context"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Provider is a service elsewhere that knows people and tells who somebody is.
type Provider interface {
	// Name tells it from the others, in addresses and in the database.
	Name() string
	// Label is what people call it.
	Label() string
	// Issuer is whose subjects it tells of. They are unique there and nowhere else.
	Issuer() string
	// AuthURL returns where a browser goes for a handshake. Unavailable
	// provider_unavailable: the provider does not answer.
	AuthURL(ctx context.Context, h Handshake) (string, error)
	// Identify returns whom the answer to a handshake tells of. Unavailable
	// provider_unavailable. Forbidden provider_refused: the provider does not say who it
	// is. Unauthenticated provider_invalid: what it says is no proof, or was made for
	// somebody else.
	Identify(ctx context.Context, h Handshake, a ProviderAnswer) (Claim, error)
}

// Handshake is what ties an answer of a provider to the browser that was sent there.
type Handshake struct {
	State    string // the answer brings it back
	Nonce    string // the provider signs it
	Verifier string // who has it may use the code (PKCE, RFC 7636); its hash goes ahead
}

// ProviderAnswer is what a browser brings back from a provider.
type ProviderAnswer struct {
	State  string
	Code   string
	Issuer string // who answers (RFC 9207); empty: not said
	Error  string // why there is no code
}

// Claim is what a provider says of somebody.
type Claim struct {
	Subject  string // what they are called there, for ever
	Email    string // empty: not said
	Verified bool   // the provider has seen that the address is theirs
}

// Providers returns whom people can sign in with, in the order of the configuration.
func (s *Service) Providers() []Provider { return s.providers }

// provider returns one by its name. NotFound unknown_provider.
func (s *Service) provider(name string) (Provider, error) {
	for _, p := range s.providers {
		if p.Name() == name {
			return p, nil
		}
	}
	return nil, fault.New(fault.NotFound, "This installation has no provider of that name. GET /api/v1/auth/providers lists those it has.").WithCode("unknown_provider")
}
