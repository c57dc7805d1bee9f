package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/seal"
)

// sealer encrypts secrets with pgcrypto, whose format finds changes by a bare hash. So what it
// is given is encrypted and bound to its row before. The first key encrypts, all of them
// decrypt.
type sealer []sealKey

type sealKey struct {
	id     string // names the key in a row without telling anything of it
	secret string
	inner  *seal.Secrets
}

// bound begins the name of a key in rows whose secrets are bound to them. Those of earlier
// versions lack it until they are sealed anew.
const bound = "bound:"

// sealedText is a secret as a row has it.
type sealedText struct {
	place string // of the row
	by    string // the name of the key
	bytes []byte
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
		inner, err := seal.NewSecrets(k)
		if err != nil {
			return nil, err
		}
		s = append(s, sealKey{id: id, secret: k, inner: inner})
	}
	return s, nil
}

// by returns the name of the key that encrypts.
func (s sealer) by() string { return bound + s[0].id }

// querier is a connection or a transaction that passes arguments on beside the
// statement. Bun writes them into it, and a statement that fails is in the server's
// log.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// seal encrypts the text of a place. The key is random, so that nothing is gained by
// stretching it.
func (s sealer) seal(ctx context.Context, q querier, place, text string) (sealed []byte, err error) {
	err = q.QueryRowContext(ctx, "SELECT pgp_sym_encrypt_bytea($1::bytea, $2::text, 'cipher-algo=aes256, s2k-mode=1')", s[0].inner.Seal(place, text), s[0].secret).Scan(&sealed)
	return sealed, err
}

// open decrypts what seal has encrypted, and what earlier versions have. That one cannot
// pass for the other: pgcrypto tells texts from bytes.
func (s sealer) open(ctx context.Context, q querier, in sealedText) (string, error) {
	id, isBound := strings.CutPrefix(in.by, bound)
	for _, k := range s {
		if k.id != id {
			continue
		}
		if !isBound {
			var text string
			err := q.QueryRowContext(ctx, "SELECT pgp_sym_decrypt($1::bytea, $2::text)", in.bytes, k.secret).Scan(&text)
			return text, err
		}
		var inner []byte
		if err := q.QueryRowContext(ctx, "SELECT pgp_sym_decrypt_bytea($1::bytea, $2::text)", in.bytes, k.secret).Scan(&inner); err != nil {
			return "", err
		}
		return k.inner.Open(in.place, inner)
	}
	return "", fmt.Errorf("a secret is encrypted with a key that is not known here; TS_ENCRYPTION_KEY lacks the key %s", id)
}
