package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/seal"
)

// sealer encrypts secrets with pgcrypto. The first key encrypts, all of them decrypt.
type sealer []sealKey

type sealKey struct {
	id     string // names the key in a row without telling anything of it
	secret string
}

func newSealer(keys []string) (sealer, error) {
	if len(keys) == 0 {
		return nil, fault.New(fault.Invalid, "There is no key to encrypt secrets with.")
	}
	var s sealer
	for _, k := range keys {
		id, err := seal.Name(k)
		if err != nil {
			return nil, err
		}
		s = append(s, sealKey{id: id, secret: k})
	}
	return s, nil
}

// by returns the name of the key that encrypts.
func (s sealer) by() string { return s[0].id }

// querier is a connection or a transaction that passes arguments on beside the
// statement. Bun writes them into it, and a statement that fails is in the server's
// log.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// seal encrypts a text. The key is random, so that nothing is gained by stretching it.
func (s sealer) seal(ctx context.Context, q querier, text string) (sealed []byte, err error) {
	err = q.QueryRowContext(ctx, "SELECT pgp_sym_encrypt($1::text, $2::text, 'cipher-algo=aes256, s2k-mode=1')", text, s[0].secret).Scan(&sealed)
	return sealed, err
}

// open decrypts what the key of that name has encrypted.
func (s sealer) open(ctx context.Context, q querier, sealed []byte, by string) (text string, err error) {
	for _, k := range s {
		if k.id == by {
			err = q.QueryRowContext(ctx, "SELECT pgp_sym_decrypt($1::bytea, $2::text)", sealed, k.secret).Scan(&text)
			return text, err
		}
	}
	return "", fmt.Errorf("a secret is encrypted with a key that is not known here; TS_ENCRYPTION_KEY lacks the key %s", by)
}
