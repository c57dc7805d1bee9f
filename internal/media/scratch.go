package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/fault"
)

const (
	scratchName = "turboscribe-media-"
	lockName    = "lock"
)

// scratch is a private directory for staged files. A lock that dies with this
// process marks it as ours, so that whoever comes next can tell a directory in
// use from what a killed worker left behind.
type scratch struct {
	root  string
	empty string // the tools' working directory
	lock  *os.File
}

// openScratch makes a scratch directory below parent and sweeps the leftovers.
func openScratch(ctx context.Context, parent string) (*scratch, error) {
	parent, err := filepath.Abs(parent)
	if err != nil {
		return nil, fmt.Errorf("locate the temporary directory: %w", err)
	}
	if err := sweep(ctx, parent); err != nil {
		return nil, fmt.Errorf("sweep the temporary directory %s: %w", parent, err)
	}
	root, err := os.MkdirTemp(parent, scratchName)
	if err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	s := &scratch{root: root, empty: filepath.Join(root, "empty")}
	if err := s.claim(); err != nil {
		return nil, errors.Join(fmt.Errorf("claim the temporary directory %s: %w", root, err), os.RemoveAll(root))
	}
	return s, nil
}

// claim locks the directory. The lock gets its name only once it is held: a sweep
// that met it earlier would take the directory for a leftover.
func (s *scratch) claim() error {
	if err := os.Mkdir(s.empty, 0o500); err != nil {
		return err
	}
	unnamed := filepath.Join(s.root, lockName+".new")
	lock, err := os.OpenFile(unnamed, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // G304: a name in a directory just made
	if err != nil {
		return err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = os.Rename(unnamed, filepath.Join(s.root, lockName))
	}
	if err != nil {
		return errors.Join(err, lock.Close())
	}
	s.lock = lock
	return nil
}

// close removes the directory and everything in it.
func (s *scratch) close() error {
	return errors.Join(os.RemoveAll(s.root), s.lock.Close())
}

// dir makes a new private directory.
func (s *scratch) dir(prefix string) (string, error) {
	dir, err := os.MkdirTemp(s.root, prefix)
	if err != nil {
		return "", storageFault(fmt.Errorf("make a temporary directory: %w", err))
	}
	return dir, nil
}

// sweep removes the scratch directories below parent whose process is gone.
func sweep(ctx context.Context, parent string) error {
	found, err := filepath.Glob(filepath.Join(parent, scratchName+"*"))
	if err != nil {
		return err
	}
	for _, dir := range found {
		gone, err := abandoned(dir)
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		zerolog.Ctx(ctx).Info().Str("dir", dir).Msg("removed the scratch files of a worker that is gone")
	}
	return nil
}

// abandoned reports whether dir is a scratch directory of this user that nobody
// holds. Somebody else's directory, of whatever content, is left alone.
func abandoned(dir string) (bool, error) {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(owner.Uid) != os.Geteuid() {
		return false, nil
	}
	lock, err := os.Open(filepath.Join(dir, lockName)) //nolint:gosec // G304: a name in a directory of our own
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // being made, or being removed
	}
	if err != nil {
		return false, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, lock.Close()
	}
	return err == nil, errors.Join(err, lock.Close())
}

// storageFault makes Unavailable of a full disk and leaves other errors alone.
func storageFault(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Wrap(err, fault.Unavailable, "There is no room to work on the recording just now. Please try again later.")
	}
	return err
}

// File is a private copy of an upload for ffmpeg to read.
type File struct {
	Path string
	Size int64 // bytes
	dir  string
}

// Stage copies r into a private file. The caller removes it. A full disk is
// Unavailable; an error of r is passed on.
func (m *Media) Stage(ctx context.Context, r io.Reader) (*File, error) {
	dir, err := m.scratch.dir("stage-")
	if err != nil {
		return nil, err
	}
	f := &File{Path: filepath.Join(dir, "media"), dir: dir}
	if f.Size, err = store(ctx, f.Path, r); err != nil {
		return nil, errors.Join(err, f.Remove())
	}
	return f, nil
}

// Remove deletes the copy. Removing it twice is no error.
func (f *File) Remove() error {
	if err := os.RemoveAll(f.dir); err != nil {
		return fmt.Errorf("remove staged file: %w", err)
	}
	return nil
}

// store writes r to a file at path.
func store(ctx context.Context, path string, r io.Reader) (int64, error) {
	w, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // G304: a name in a directory just made
	if err != nil {
		return 0, storageFault(fmt.Errorf("stage media: %w", err))
	}
	n, err := io.Copy(w, untilDone{ctx, r})
	if err := errors.Join(err, w.Close()); err != nil {
		return n, storageFault(fmt.Errorf("stage media: %w", err))
	}
	return n, nil
}

// untilDone reads r until ctx ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

// Read reads from r unless ctx has ended.
func (u untilDone) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}
