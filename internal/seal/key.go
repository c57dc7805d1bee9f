package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/minio/sio"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Sizes of what is encrypted, in bytes: each block of a stream is encrypted for itself, so
// that reading can begin at any.
const (
	block       = 1 << 16
	sealedBlock = block + 32 // with its head, which counts the blocks, and its tag
)

// Key is the data key of one transcription. It is safe for concurrent use.
type Key struct {
	data []byte
}

// encrypt returns a reader of r as it is to be stored under an object key. Errors of r are
// returned wrapped.
func (k *Key) encrypt(object string, r io.Reader) (io.Reader, error) {
	c, err := k.stream(object, 0)
	if err != nil {
		return nil, err
	}
	sealed, err := sio.EncryptReader(noted{r}, c)
	if err != nil {
		return nil, fmt.Errorf("encrypt %s: %w", object, err)
	}
	return sealed, nil
}

// encryptAll returns body as it is to be stored under an object key.
func (k *Key) encryptAll(object string, body []byte) ([]byte, error) {
	r, err := k.encrypt(object, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(make([]byte, 0, sealedSize(int64(len(body)))+bytes.MinRead))
	if _, err := out.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("encrypt %s: %w", object, err)
	}
	return out.Bytes(), nil
}

// decrypt returns a reader of what is stored under an object key, from a block on. Damaged
// recording_damaged, from Read: it is not what was stored there, or ends too soon.
func (k *Key) decrypt(object string, sealed io.ReadCloser, from uint32) (io.ReadCloser, error) {
	c, err := k.stream(object, from)
	if err != nil {
		return nil, err
	}
	plain, err := sio.DecryptReader(noted{sealed}, c)
	if err != nil {
		return nil, fmt.Errorf("decrypt %s: %w", object, err)
	}
	return &opened{Reader: plain, Closer: sealed, object: object}, nil
}

// stream returns how the object of that key is encrypted: with a key of its own, so that
// no object can stand in for another.
func (k *Key) stream(object string, from uint32) (sio.Config, error) {
	key, err := derive(k.data, "turboscribe object "+object)
	return sio.Config{
		MinVersion: sio.Version20, MaxVersion: sio.Version20, CipherSuites: []byte{sio.AES_256_GCM}, Key: key, SequenceNumber: from,
	}, err
}

// sealedSize returns how large a body of that size is once it is encrypted.
func sealedSize(size int64) int64 {
	sealed := size / block * sealedBlock
	if rest := size % block; rest > 0 {
		sealed += rest + sealedBlock - block
	}
	return sealed
}

// plainSize is the reverse of sealedSize. Damaged recording_damaged: nothing encrypted is
// of that size.
func plainSize(sealed int64) (int64, error) {
	size := sealed / sealedBlock * block
	if rest := sealed % sealedBlock; rest > 0 {
		size += rest - (sealedBlock - block)
	}
	if sealed == 0 || sealedSize(size) != sealed {
		return 0, transcription.RecordingDamaged(fmt.Errorf("nothing that was encrypted has %d bytes", sealed))
	}
	return size, nil
}

// noted gives errors a wrapping: the library takes io.ErrUnexpectedEOF, which is that of a
// broken connection, for the end, and half a recording would pass for a whole.
type noted struct{ r io.Reader }

// Read implements io.Reader.
func (n noted) Read(p []byte) (int, error) {
	m, err := n.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // only the bare one is the end
		err = fmt.Errorf("read what is to be encrypted or decrypted: %w", err)
	}
	return m, err
}

// opened is an object that is being decrypted.
type opened struct {
	io.Reader
	io.Closer
	object string
	err    error
}

// Read implements io.Reader. What cannot be decrypted once is not read beyond.
func (o *opened) Read(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.Reader.Read(p)
	if _, ok := errors.AsType[sio.Error](err); ok {
		err = transcription.RecordingDamaged(fmt.Errorf("decrypt %s: %w", o.object, err))
	}
	o.err = err
	return n, err
}
